# What Cloud Logging counts of the function's own JSON lines. A line of a request has httpRequest,
# one of a load has load_ms, and one of a load that failed has the error's class.
#
# `version` is no label: each version that is ever published would be a time series of its own, for
# ever, and metrics are paid by series. The lines have it, and the alert for a refusal tells it.

locals {
  # Of the codes that a failed load can have, those of an artifact that is there but must not be
  # served, and the others.
  refusals = ["artifact_refused", "golden_mismatch", "integrity_error"]
  failures = ["internal", "not_in_registry", "registry_denied", "registry_error", "registry_unreachable"]

  log_metrics = {
    errors = {
      about   = "Requests that were answered with an error"
      clauses = ["httpRequest.status>=400", "jsonPayload.code:*"]
      labels  = { code = "jsonPayload.code", model = "labels.model" }
      value   = null
    }
    loads = {
      about   = "Models that were loaded, by a new instance or because an alias moved"
      clauses = ["severity=\"INFO\"", "jsonPayload.load_ms:*"]
      labels  = { model = "jsonPayload.model" }
      value   = null
    }
    load_failures = {
      about   = "Models that could not be loaded, refusals among them"
      clauses = ["severity>=WARNING", "jsonPayload.error:*", "jsonPayload.code:*"]
      labels  = { code = "jsonPayload.code", model = "jsonPayload.model" }
      value   = null
    }
    refusals = {
      about   = "Artifacts that are in the registry and must not be served"
      clauses = ["severity=\"ERROR\"", "jsonPayload.error:*", "jsonPayload.code=~\"^(${join("|", local.refusals)})$\""]
      labels  = { code = "jsonPayload.code", model = "jsonPayload.model" }
      value   = null
    }
    confidence = {
      about   = "The best class's score of classifiers' answers, the mean over a batch; of those that LOG_SAMPLE lets through"
      clauses = ["httpRequest.status=200", "jsonPayload.confidence:*"]
      labels  = { model = "labels.model" }
      value   = "jsonPayload.confidence"
    }
  }

  # Lines on stdout, of this environment's functions and of no others in the project.
  log_clauses = [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.location=~\"^(${join("|", local.regions)})$\"",
    "logName=\"projects/${var.project_id}/logs/run.googleapis.com%2Fstdout\"",
  ]
  metric_types = { for name, metric in google_logging_metric.lines : name => "logging.googleapis.com/user/${metric.name}" }
}

resource "google_logging_metric" "lines" {
  for_each = local.log_metrics

  project     = var.project_id
  name        = "tflite_functions_${replace(var.environment, "-", "_")}_${each.key}"
  description = "${each.value.about}."
  filter = join("\n", concat(
    local.log_clauses,
    ["resource.labels.service_name=~\"^(${join("|", sort(keys(var.functions)))})$\""],
    each.value.clauses,
  ))
  label_extractors = { for label, field in each.value.labels : label => "EXTRACT(${field})" }
  value_extractor  = each.value.value == null ? null : "EXTRACT(${each.value.value})"

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = each.value.value == null ? "INT64" : "DISTRIBUTION"
    unit         = "1"
    display_name = each.value.about

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  # 0 to 1 in steps of 0.02; one more, or a score of exactly 1 would be in the bucket without end.
  dynamic "bucket_options" {
    for_each = each.value.value == null ? [] : [1]
    content {
      linear_buckets {
        num_finite_buckets = 51
        width              = 0.02
        offset             = 0
      }
    }
  }
}
