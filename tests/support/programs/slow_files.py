"""Which files of tests begin first: those that take long."""

# By processor time, from 20 seconds on. One that began last would leave the other workers idle.
LONG = (
    "infra/test_terraform.py",
    "examples/test_run.py",
    "model_export/tf/pruning/test_fine_tune.py",
    "model_export/steps/test_resume.py",
    "model_export/tf/pruning/test_callback.py",
    "model_export/verification/test_served_outputs.py",
    "examples/test_digits.py",
    "model_export/tf/pruning/test_prune.py",
    "model_export/verification/test_served_transformers.py",
    "benchmarks/test_parts.py",
    "model_export/verification/test_served_raw_inputs.py",
    "model_export/test_pipeline.py",
    "model_export/cli/test_exit_codes.py",
    "infra/test_static_analysis.py",
    "infra/test_alert_queries.py",
    "delivery/test_export_steps.py",
    "delivery/test_release_order.py",
    "load/test_shutdown.py",
    "load/test_early_refusals.py",
    "load/test_greedy_requests.py",
)
