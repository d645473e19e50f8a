# What each alert says: what it means, the first three commands, and where to read on. The commands
# are those of docs/8-runbook.md with the function's own names filled in; a test compares them.

locals {
  anchors = { for alert, guide in local.guides : alert => replace(lower(guide.title), " ", "-") }
  links   = { for alert, anchor in local.anchors : alert => "${var.runbook}#${anchor}" }

  documentation = {
    for name in keys(local.watched) : name => {
      for alert, guide in local.guides : alert => join("\n\n", [
        guide.meaning,
        "First look:",
        join("\n", [for command in local.commands[name][alert] : "    ${command}"]),
        "What ends it: ${local.links[alert]}",
        "${local.way_back[name]} (${var.runbook}#roll-back)",
      ])
    }
  }

  # Of the default model, the first.
  entry = { for name, function in var.functions : name => concat(function.models, ["the-baked-one"])[0] }
  model = { for name, entry in local.entry : name => split("@", entry)[0] }
  alias = { for name, entry in local.entry : name => concat(split("@", entry), ["production"])[1] }

  way_back = {
    for name, function in var.functions : name => (
      function.registry == null ? "Roll back: deploy the bundle before this one; it carries the model" :
      can(regex("^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$", local.alias[name])) ? "Roll back ${local.model[name]}: name another version in `models` and apply, because no alias moves a pinned one" :
      "Roll back ${local.model[name]}: `python -m model_export rollback ${local.model[name]} ${local.alias[name]} --registry ${function.registry}`"
    )
  }

  # Who looks at a function without a registry asks instead which bundle it runs.
  commands = {
    for name, function in local.watched : name => {
      for alert, guide in local.guides : alert => distinct([
        for command in split("\n", trimspace(guide.look)) :
        replace(replace(replace(replace(replace(replace(replace(replace(
          function.registry == null && can(regex("[$](REGISTRY|BUCKET)", command)) ? local.bundle_look : command,
          "$PROJECT", var.project_id),
          "$REGION", var.region),
          "$FUNCTION", name),
          "$URL", function.url),
          "$REGISTRY", coalesce(function.registry, "none")),
          "$MODEL", local.model[name]),
          "$SLOW_MS", local.thresholds[name].latency_p95_ms),
          "$BUCKET", try(regex("^gs://[^/]+", function.registry), "none"),
        )
      ])
    }
  }

  bundle_look    = "gcloud functions describe \"$FUNCTION\" --region=\"$REGION\" --project=\"$PROJECT\" --format=\"yaml(buildConfig.source)\""
  errors_look    = <<-EOT
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status>=500 AND jsonPayload.code:*" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, httpRequest.status, jsonPayload.code, jsonPayload.message)"
    gcloud run revisions list --service="$FUNCTION" --region="$REGION" --project="$PROJECT" --limit=5
    python -m model_export list "$REGISTRY" "$MODEL"
  EOT
  latency_look   = <<-EOT
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.timings_ms.total>=$SLOW_MS" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, jsonPayload.timings_ms, jsonPayload.instances)"
    gcloud run services describe "$FUNCTION" --region="$REGION" --project="$PROJECT" --format="yaml(spec.template)"
    python -m model_export list "$REGISTRY" "$MODEL"
  EOT
  latency_means  = "Answers take longer than they should, for one request in twenty (p95) or in a hundred (p99)."
  burn_look      = <<-EOT
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status>=500 AND jsonPayload.code:*" --project="$PROJECT" --freshness=6h --limit=20 --format="table(timestamp, httpRequest.status, jsonPayload.code, jsonPayload.message)"
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.timings_ms.total>=$SLOW_MS" --project="$PROJECT" --freshness=6h --limit=20 --format="table(timestamp, jsonPayload.timings_ms, jsonPayload.instances)"
    python -m model_export list "$REGISTRY" "$MODEL"
  EOT
  fast_burn_look = replace(local.burn_look, "--freshness=6h", "--freshness=1h")

  guides = {
    error_ratio = {
      title    = "Error ratio"
      severity = "ERROR"
      meaning  = "Too large a share of the requests was answered 5xx, by the function or by the platform in front of it."
      look     = local.errors_look
    }
    latency_p95 = {
      title    = "Latency p95"
      severity = "WARNING"
      meaning  = local.latency_means
      look     = local.latency_look
    }
    latency_p99 = {
      title    = "Latency p99"
      severity = "WARNING"
      meaning  = local.latency_means
      look     = local.latency_look
    }
    cold_starts = {
      title    = "Cold starts"
      severity = "WARNING"
      meaning  = "Instances start, or load models anew, for too many of the requests: each of these waits for a load."
      look     = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.load_ms:*" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, labels.instanceId, jsonPayload.model, jsonPayload.version, jsonPayload.load_ms)"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND logName=~\"varlog%2Fsystem$\"" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, severity, textPayload)"
        gcloud run services describe "$FUNCTION" --region="$REGION" --project="$PROJECT" --format="yaml(spec.template)"
      EOT
    }
    instances = {
      title    = "Instances near the maximum"
      severity = "WARNING"
      meaning  = "Nearly as many instances as max_instances allows are busy. Beyond it, the platform answers 429."
      look     = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status=429" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, httpRequest.remoteIp, httpRequest.userAgent)"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.code=\"overloaded\"" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, httpRequest.status, jsonPayload.message)"
        gcloud run services describe "$FUNCTION" --region="$REGION" --project="$PROJECT" --format="yaml(spec.template)"
      EOT
    }
    load_failures = {
      title    = "Load failures"
      severity = "ERROR"
      meaning  = "An instance could not load a model, or could not look an alias up. What it has loaded keeps answering; an instance that has nothing answers 503."
      look     = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.error:*" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, jsonPayload.code, jsonPayload.message)"
        python -m model_export list "$REGISTRY" "$MODEL"
        gcloud storage buckets get-iam-policy "$BUCKET"
      EOT
    }
    refused = {
      title    = "Refused artifacts"
      severity = "CRITICAL"
      meaning  = "An alias names a version that must not be served: a file is not what the manifest says, the model does not reproduce the Keras model's answers, or this release of the function cannot serve it. Instances with a former version keep answering; new ones answer 503."
      look     = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.error:* AND jsonPayload.code=~\"^(artifact_refused|integrity_error|golden_mismatch)\"" --project="$PROJECT" --freshness=1d --limit=20 --format="table(timestamp, jsonPayload.code, jsonPayload.message)"
        python -m model_export list "$REGISTRY" "$MODEL"
        gcloud storage ls --long --all-versions "$REGISTRY/models/$MODEL/aliases/"
      EOT
    }
    no_traffic = {
      title    = "No traffic"
      severity = "WARNING"
      meaning  = "Fewer requests came than are expected of this function. It may be well, and nobody gets through to it."
      look     = <<-EOT
        curl -i -H "Authorization: Bearer $(gcloud auth print-identity-token)" "$URL/v2/health/ready"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status>=100" --project="$PROJECT" --freshness=1d --limit=5 --format="table(timestamp, httpRequest.status, httpRequest.userAgent)"
        gcloud run services get-iam-policy "$FUNCTION" --region="$REGION" --project="$PROJECT"
      EOT
    }
    uptime = {
      title    = "Uptime"
      severity = "CRITICAL"
      meaning  = "Checks from at least two regions get no answer, or not that the function is ready."
      look     = <<-EOT
        curl -i -H "Authorization: Bearer $(gcloud auth print-identity-token)" "$URL/v2/health/ready"
        gcloud run services get-iam-policy "$FUNCTION" --region="$REGION" --project="$PROJECT"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND severity>=ERROR" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, jsonPayload.code, jsonPayload.message, textPayload)"
      EOT
    }
    availability_fast_burn = {
      title    = "Availability burns fast"
      severity = "CRITICAL"
      meaning  = "So many requests are answered 5xx that a budget for 28 days is gone in two."
      look     = local.fast_burn_look
    }
    availability_slow_burn = {
      title    = "Availability burns slowly"
      severity = "WARNING"
      meaning  = "So many requests are answered 5xx that a budget for 28 days is gone in five."
      look     = local.burn_look
    }
    latency_fast_burn = {
      title    = "Latency burns fast"
      severity = "ERROR"
      meaning  = "So many requests are answered too slowly that what the objective allows in 28 days is used up in two."
      look     = local.fast_burn_look
    }
    latency_slow_burn = {
      title    = "Latency burns slowly"
      severity = "WARNING"
      meaning  = "So many requests are answered too slowly that what the objective allows in 28 days is used up in five."
      look     = local.burn_look
    }
  }
}
