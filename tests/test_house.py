"""The house: directions of imports, locks, and documentation that says what the code does."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from model_export import errors as export_errors
from model_export.quality import metrics
from model_export.recipe import recipe
from model_export.recipe.inputs import ResizeSection
from model_export.recipe.prune import DistillSection
from model_export.recipe.variants import VARIANTS
from tests.support.places import ROOT
from tests.support.programs.commands import modules_after
from tests.support.programs.slow_files import LONG
from tflite_serving.service.routes import ROUTER
from tflite_serving.settings import Settings, has_default
from tools.lock import LOCKS, stale_locks

SOURCES = ("functions", "model_export")


def table(document: str, heading: str = "") -> dict[str, list[str]]:
    """Rows of the first table after `heading`, by their first cell without backquotes."""
    text = (ROOT / "docs" / document).read_text()
    text = text[text.index(heading) :]
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            rows[cells[0].strip("`| ")] = cells[1:]
        elif rows:
            break
    return dict(list(rows.items())[2:])


def public_names() -> list[tuple[str, ast.AST]]:
    found: list[tuple[str, ast.AST]] = []
    for source in SOURCES:
        for path in (ROOT / source).rglob("*.py"):
            tree = ast.parse(path.read_text())
            where = str(path.relative_to(ROOT))
            found.append((where, tree))
            for node in ast.walk(tree):
                if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                    parents = [n for n in ast.walk(tree) if node in ast.iter_child_nodes(n)]
                    nested = any(isinstance(parent, ast.FunctionDef) for parent in parents)
                    private = any(getattr(p, "name", "").startswith("_") for p in parents)
                    if not node.name.startswith("_") and not nested and not private:
                        found.append((f"{where}: {node.name}", node))
    return found


def test_importing_the_entry_points_brings_in_nothing_heavy() -> None:
    # functions-framework brings google.cloud.functions, which is its own and tiny.
    modules = modules_after("import main")
    assert not {"tensorflow", "keras", "ai_edge_litert", "google.auth", "numpy"} & modules
    clients = {name for name in modules if name.startswith("google.cloud.")}
    assert all(name.startswith("google.cloud.functions") for name in clients)


def test_the_function_does_without_googles_clients() -> None:
    # import-linter sees the top of the name alone, which google-auth has as well.
    for path in (ROOT / "functions").rglob("*.py"):
        assert not re.search(r"(from|import) google\.(cloud|api_core)", path.read_text()), path
    assert "\ngoogle-cloud-" not in (ROOT / "functions/requirements.txt").read_text()


def test_the_command_line_answers_without_tensorflow_and_googles_clients() -> None:
    modules = modules_after("import model_export.cli")
    assert not {"tensorflow", "keras", "google.cloud.storage", "google.auth"} & modules


def test_only_main_reads_the_environment() -> None:
    readers = [
        path.name
        for path in (ROOT / "functions").rglob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert readers == ["main.py"]


def test_every_public_name_has_a_docstring() -> None:
    missing = []
    for where, node in public_names():
        is_overload = isinstance(node, ast.FunctionDef) and any(
            isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list
        )
        assert isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if not is_overload and not ast.get_docstring(node):
            missing.append(where)
    assert missing == []


def test_the_locks_fit_pyproject_and_each_other() -> None:
    assert stale_locks() == []


def test_a_stale_lock_is_told(tmp_path: Path) -> None:
    for lock in LOCKS:
        (tmp_path / lock).parent.mkdir(exist_ok=True)
        (tmp_path / lock).write_text((ROOT / lock).read_text())
    project = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(project.replace('"flask>=3.1"', '"flask>=3.0"'))
    assert [reason.partition(":")[0] for reason in stale_locks(tmp_path)] == list(LOCKS)


def test_a_runtime_pin_that_the_root_lock_does_not_have_is_told(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    for lock in ("pyproject.toml", *LOCKS):
        (tmp_path / lock).write_text((ROOT / lock).read_text())
    runtime = tmp_path / "functions" / "requirements.txt"
    runtime.write_text(re.sub(r"\nflask==[\d.]+", "\nflask==0.1", runtime.read_text()))
    (reason,) = stale_locks(tmp_path)
    assert "flask==0.1" in reason


def test_every_requirement_is_pinned_with_hashes() -> None:
    for lock in LOCKS:
        text = (ROOT / lock).read_text()
        pins = re.findall(r"\n[a-z0-9].*==", text)
        hashed = re.findall(r"\n[a-z0-9].*==.*\\\n    --hash=sha256:", text)
        assert len(pins) == len(hashed) > 40


def test_the_settings_table_is_the_settings() -> None:
    rows = table("4-settings.md")
    fields = dataclasses.fields(Settings)
    assert list(rows) == [field.metadata["variable"] for field in fields]
    for field in fields:
        default = rows[field.metadata["variable"]][0]
        if not has_default(field):
            assert default.partition(",")[0] == "required"
        elif field.default not in ("", dataclasses.MISSING):
            value = int(field.default) if isinstance(field.default, bool) else field.default
            shown = f"{value:g}" if value == 30.0 else str(value)
            assert default.removesuffix(".0") == shown.removesuffix(".0"), field.name


def recipe_keys() -> dict[str, dataclasses.Field[Any]]:
    """Every key of a recipe as the table has it, such as ``prune.distill.weight``."""
    keys: dict[str, dataclasses.Field[Any]] = {}
    for section in dataclasses.fields(recipe.Recipe):
        cls = getattr(recipe, f"{section.name.removesuffix('s').capitalize()}Section")
        prefix = f"{section.name}.NAME" if section.name in ("inputs", "outputs") else section.name
        for field in dataclasses.fields(cls):
            keys[f"{prefix}.{field.name}"] = field
    for field in dataclasses.fields(ResizeSection):
        keys[f"inputs.NAME.resize.{field.name}"] = field
    del keys["prune.distill"], keys["inputs.NAME.resize"]
    for field in dataclasses.fields(DistillSection):
        keys[f"prune.distill.{field.name}"] = field
    return keys


def test_the_recipe_table_is_the_recipe() -> None:
    assert sorted(table("2-recipe.md")) == sorted(recipe_keys())


def test_the_recipe_table_has_the_defaults() -> None:
    rows = table("2-recipe.md")
    for key, field in recipe_keys().items():
        shown = rows[key][0].strip("`")
        if field.default is dataclasses.MISSING:
            assert shown == "required"
        elif field.default is not None:
            value = list(field.default) if isinstance(field.default, tuple) else field.default
            assert json.loads(shown) == value, key


def test_the_metrics_table_has_every_metric() -> None:
    names = {
        "module:function" if ":" in name else name for name in table("2-recipe.md", "## Metrics")
    }
    assert names == {*metrics.NAMES, "module:function"}


def test_the_variants_table_has_every_variant() -> None:
    assert table("2-recipe.md", "## Variants") == {
        name: [each.stored_weights, each.activations, each.interface]
        for name, each in VARIANTS.items()
    }


def test_the_exit_codes_table_has_every_exit_code() -> None:
    codes = {
        str(value.exit_code)
        for value in vars(export_errors).values()
        if isinstance(value, type) and issubclass(value, export_errors.ExportError)
    }
    assert set(table("2-recipe.md", "## Exit codes")) == codes | {"0"}


def test_the_routes_table_has_every_route() -> None:
    assert set(table("3-serving.md")) == {f"{r.method} {r.template}" for r in ROUTER.routes}


def test_the_error_table_has_every_code_in_the_source() -> None:
    errors = ast.parse((ROOT / "functions/tflite_serving/errors.py").read_text())
    classes = {node.name for node in ast.walk(errors) if isinstance(node, ast.ClassDef)}
    used = set()
    for path in (ROOT / "functions" / "tflite_serving").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in classes
                and len(node.args) >= 2
                and isinstance(node.args[0], ast.Constant)
            ):
                used.add(node.args[0].value)
    documented = set(re.findall(r"`(\w+)`", (ROOT / "docs/3-serving.md").read_text()))
    assert used - documented == set()


def test_readme_names_the_targets_that_make_has() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z%-]+):.*## ", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z_-]+)", (ROOT / "README.md").read_text()))
    examples = {path.parent.name for path in (ROOT / "examples").glob("*/recipe.toml")}
    assert named <= targets | {f"example-{name}" for name in examples}
    assert {"demo", "test"} <= named
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in targets:
        assert f"make {target.replace('%', 'NAME')} " in helped.stdout


def test_the_files_that_begin_first_are_there() -> None:
    assert [path for path in LONG if not (ROOT / "tests" / path).is_file()] == []


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


# Their rooms have tests, in files of other names.
_TO_BE_SPLIT = "to be split from the tests of its room"

# Modules without a test file of their name, and why.
UNTESTED_BY_NAME: dict[str, str] = {
    "functions/tflite_serving/dialects/answers.py": _TO_BE_SPLIT,
    "functions/tflite_serving/dialects/dialect.py": _TO_BE_SPLIT,
    "functions/tflite_serving/dialects/media_type.py": _TO_BE_SPLIT,
    "functions/tflite_serving/dialects/options.py": _TO_BE_SPLIT,
    "functions/tflite_serving/dialects/refusal.py": _TO_BE_SPLIT,
    "functions/tflite_serving/http/messages.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/handlers/handler.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/handlers/health.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/handlers/index.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/handlers/model_document.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/handlers/models.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/handlers/predict.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/model_log.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/prediction.py": _TO_BE_SPLIT,
    "functions/tflite_serving/service/request_context.py": _TO_BE_SPLIT,
    "model_export/api/compiled_loss.py": _TO_BE_SPLIT,
    "model_export/api/keywords.py": _TO_BE_SPLIT,
    "model_export/api/result.py": _TO_BE_SPLIT,
    "model_export/api/section_comments.py": _TO_BE_SPLIT,
    "model_export/bundle/build.py": _TO_BE_SPLIT,
    "model_export/cli/init.py": _TO_BE_SPLIT,
    "model_export/cli/list.py": _TO_BE_SPLIT,
    "model_export/cli/promote.py": _TO_BE_SPLIT,
    "model_export/cli/rollback.py": _TO_BE_SPLIT,
    "model_export/cli/sensitivity.py": _TO_BE_SPLIT,
    "model_export/quality/bootstrap.py": _TO_BE_SPLIT,
    "model_export/quality/classes.py": _TO_BE_SPLIT,
    "model_export/quality/decisions.py": _TO_BE_SPLIT,
    "model_export/quality/evaluated_candidate.py": _TO_BE_SPLIT,
    "model_export/quality/intervals.py": _TO_BE_SPLIT,
    "model_export/quality/metric.py": _TO_BE_SPLIT,
    "model_export/quality/sample_size.py": _TO_BE_SPLIT,
    "model_export/quality/score_calibration.py": _TO_BE_SPLIT,
    "model_export/quality/significance.py": _TO_BE_SPLIT,
    "model_export/quantization/candidate.py": _TO_BE_SPLIT,
    "model_export/quantization/candidate_factory.py": _TO_BE_SPLIT,
    "model_export/quantization/float32_model.py": _TO_BE_SPLIT,
    "model_export/quantization/float_operators.py": _TO_BE_SPLIT,
    "model_export/report/build/output.py": "it puts parts together; test_build.py tests the whole",
    "model_export/report/document/output.py": "fields, and the name of one of them",
    "model_export/steps/convert.py": _TO_BE_SPLIT,
    "model_export/steps/describe.py": _TO_BE_SPLIT,
    "model_export/steps/evaluate.py": _TO_BE_SPLIT,
    "model_export/steps/extract_preprocessing.py": _TO_BE_SPLIT,
    "model_export/steps/prepare.py": _TO_BE_SPLIT,
    "model_export/steps/step_cache.py": _TO_BE_SPLIT,
    "model_export/steps/unchanged.py": _TO_BE_SPLIT,
    "model_export/tf/unsaved.py": _TO_BE_SPLIT,
}


def only_declares(tree: ast.Module) -> bool:
    """Whether a module has no behaviour: constants, types, protocols and classes of fields alone.

    What `__post_init__` refuses belongs to the fields, as their types do.
    """
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        if isinstance(node, ast.ClassDef):
            is_protocol = any("Protocol" in ast.unparse(base) for base in node.bases)
            methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
            if not is_protocol and methods - {"__post_init__"}:
                return False
    return True


def place_of_tests(module: str) -> str:
    """The test file of a module, such as ``tests/functions/http/test_routing.py``."""
    folder, _, name = module.replace("/tflite_serving/", "/").rpartition("/")
    return f"tests/{folder}/test_{name}"


def test_every_module_has_a_test_file_of_its_name() -> None:
    modules = [
        path.relative_to(ROOT).as_posix()
        for source in SOURCES
        for path in (ROOT / source).rglob("*.py")
        if path.stem not in {"__init__", "__main__"}
    ]
    missing = [
        module
        for module in modules
        if not (ROOT / place_of_tests(module)).is_file()
        and not only_declares(ast.parse((ROOT / module).read_text()))
    ]
    assert sorted(missing) == sorted(UNTESTED_BY_NAME)
