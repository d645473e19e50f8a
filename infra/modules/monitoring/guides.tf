# What each alert says: what it means, the first three commands, and where to read on. The commands
# are those of docs/8-runbook.md, after lines that set the names that they read; a test compares them.

locals {
  anchors = { for alert, guide in local.guides : alert => replace(lower(guide.title), " ", "-") }
  links   = { for alert, anchor in local.anchors : alert => "${var.runbook}#${anchor}" }

  # Cloud Monitoring fills in the function that an incident is of.
  documentation = {
    for alert in keys(local.guides) : alert => join("\n\n", [
      local.guides[alert].meaning,
      "First look:",
      join("\n", [for line in concat(local.names_of_incident, local.looks[alert]) : "    ${line}"]),
      "What ends it: ${local.links[alert]}",
      "${join("\n", local.ways_back)}\n(${var.runbook}#roll-back)",
    ])
  }

  # The same for alerts of one function.
  documentation_of = {
    for name in keys(local.watched) : name => {
      for alert, text in local.documentation : alert => replace(text, "$${metric_or_resource.label.service_name}", name)
    }
  }

  # Of the default model, the first.
  entry = { for name, function in var.functions : name => concat(function.models, ["the-baked-one"])[0] }
  model = { for name, entry in local.entry : name => split("@", entry)[0] }
  alias = { for name, entry in local.entry : name => concat(split("@", entry), ["production"])[1] }

  # A documentation may have 8192 characters; of more functions than fit in, people look the names up.
  names_that_fit = 4000
  names_of_each = [
    for name, function in local.watched : "  ${name}) export MODEL=${local.model[name]} ALIAS=${local.alias[name]} SLOW_MS=${local.thresholds[name].latency_p95_ms} REGISTRY=${coalesce(function.registry, "none")} BUCKET=${try(regex("^gs://[^/]+", function.registry), "none")} URL=${function.url};;"
  ]
  names_of_incident = concat(
    ["export PROJECT=${var.project_id} REGION=${var.region} FUNCTION=$${metric_or_resource.label.service_name}"],
    length(join("\n", local.names_of_each)) > local.names_that_fit
    ? ["# Set MODEL, ALIAS, SLOW_MS, REGISTRY, BUCKET and URL as ${var.runbook} says at its beginning."]
    : concat(["case $FUNCTION in"], local.names_of_each, ["esac"]),
  )

  # How each function is rolled back: by its alias, by the version that it names, by its bundle.
  pinned = [for name in keys(local.watched) : name if can(regex("^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$", local.alias[name]))]
  baked  = [for name, function in local.watched : name if function.registry == null]

  follows_aliases = length(setsubtract(keys(local.watched), concat(local.pinned, local.baked))) > 0
  ways_back = compact([
    local.follows_aliases ? "Roll back: `.venv/bin/python -m model_export rollback \"$MODEL\" \"$ALIAS\" --registry \"$REGISTRY\"`" : "",
    local.follows_aliases ? "Where a pipeline delivers, it alone may do that, and this is for `rollbackers`: `gcloud builds triggers run rollback-${var.environment} --project=${var.project_id} --region=REGION_OF_THE_CONNECTION`" : "",
    length(local.pinned) == 0 ? "" : "Roll back ${join(", ", local.pinned)}: name another version in `models` and apply, because no alias moves a pinned one",
    length(local.baked) == 0 ? "" : "Roll back ${join(", ", local.baked)}: deploy the bundle before this one; it carries the model",
  ])

  # Where bundles carry the models, people ask which bundle runs, and where all do, nothing else.
  looks = {
    for alert, guide in local.guides : alert => distinct(flatten([
      for command in split("\n", trimspace(guide.look)) :
      !can(regex("[$](REGISTRY|BUCKET)", command)) || length(local.baked) == 0 ? [command] :
      length(local.baked) == length(local.watched) ? [local.bundle_look] : [command, local.bundle_look]
    ]))
  }

  bundle_look    = "gcloud functions describe \"$FUNCTION\" --region=\"$REGION\" --project=\"$PROJECT\" --format=\"yaml(buildConfig.source)\""
  errors_look    = <<-EOT
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status>=500 AND jsonPayload.code:*" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, httpRequest.status, jsonPayload.code, jsonPayload.message)"
    gcloud run revisions list --service="$FUNCTION" --region="$REGION" --project="$PROJECT" --limit=5
    .venv/bin/python -m model_export list "$REGISTRY" "$MODEL"
  EOT
  latency_look   = <<-EOT
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.timings_ms.total>=$SLOW_MS" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, jsonPayload.timings_ms, jsonPayload.instances)"
    gcloud run services describe "$FUNCTION" --region="$REGION" --project="$PROJECT" --format="yaml(spec.template)"
    .venv/bin/python -m model_export list "$REGISTRY" "$MODEL"
  EOT
  latency_means  = "Answers take longer than they should, for one request in twenty (p95) or in a hundred (p99)."
  burn_look      = <<-EOT
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status>=500 AND jsonPayload.code:*" --project="$PROJECT" --freshness=6h --limit=20 --format="table(timestamp, httpRequest.status, jsonPayload.code, jsonPayload.message)"
    gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.timings_ms.total>=$SLOW_MS" --project="$PROJECT" --freshness=6h --limit=20 --format="table(timestamp, jsonPayload.timings_ms, jsonPayload.instances)"
    .venv/bin/python -m model_export list "$REGISTRY" "$MODEL"
  EOT
  fast_burn_look = replace(local.burn_look, "--freshness=6h", "--freshness=1h")

  # Essential is what says that a function does not answer; the rest says that it soon may not, or
  # says so sooner.
  guides = {
    error_ratio = {
      title     = "Error ratio"
      severity  = "ERROR"
      condition = "more 5xx than error_ratio allows"
      essential = false
      meaning   = "Too large a share of the requests was answered 5xx, by the function or by the platform in front of it."
      look      = local.errors_look
    }
    latency_p95 = {
      title     = "Latency p95"
      severity  = "WARNING"
      condition = "p95 above latency_p95_ms"
      essential = false
      meaning   = local.latency_means
      look      = local.latency_look
    }
    latency_p99 = {
      title     = "Latency p99"
      severity  = "WARNING"
      condition = "p99 above latency_p99_ms"
      essential = false
      meaning   = local.latency_means
      look      = local.latency_look
    }
    cold_starts = {
      title     = "Cold starts"
      severity  = "WARNING"
      condition = "more loads of each model for a request than cold_start_ratio allows"
      essential = false
      meaning   = "Instances start, or load models anew, for too many of the requests: each of these waits for a load."
      look      = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.load_ms:*" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, labels.instanceId, jsonPayload.model, jsonPayload.version, jsonPayload.load_ms)"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND logName=~\"varlog%2Fsystem$\"" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, severity, textPayload)"
        gcloud run services describe "$FUNCTION" --region="$REGION" --project="$PROJECT" --format="yaml(spec.template)"
      EOT
    }
    instances = {
      title     = "Instances near the maximum"
      severity  = "WARNING"
      condition = "more active instances than instance_ratio allows"
      essential = false
      meaning   = "Nearly as many instances as max_instances allows are busy. Beyond it, the platform answers 429."
      look      = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status=429" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, httpRequest.remoteIp, httpRequest.userAgent)"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.code=\"overloaded\"" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, httpRequest.status, jsonPayload.message)"
        gcloud run services describe "$FUNCTION" --region="$REGION" --project="$PROJECT" --format="yaml(spec.template)"
      EOT
    }
    load_failures = {
      title     = "Load failures"
      severity  = "ERROR"
      condition = "a model could not be loaded"
      essential = true
      meaning   = "An instance could not load a model, or could not look an alias up. What it has loaded keeps answering; an instance that has nothing answers 503."
      look      = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.error:*" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, jsonPayload.code, jsonPayload.message)"
        .venv/bin/python -m model_export list "$REGISTRY" "$MODEL"
        gcloud storage buckets get-iam-policy "$BUCKET"
      EOT
    }
    refused = {
      title     = "Refused artifacts"
      severity  = "CRITICAL"
      condition = "an artifact was refused"
      essential = true
      meaning   = "An alias names a version that must not be served: a file is not what the manifest says, the model does not reproduce the Keras model's answers, or this release of the function cannot serve it. Instances with a former version keep answering; new ones answer 503."
      look      = <<-EOT
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND jsonPayload.error:* AND jsonPayload.code=~\"^(artifact_refused|integrity_error|golden_mismatch)\"" --project="$PROJECT" --freshness=1d --limit=20 --format="table(timestamp, jsonPayload.code, jsonPayload.message)"
        .venv/bin/python -m model_export list "$REGISTRY" "$MODEL"
        gcloud storage ls --long --all-versions "$REGISTRY/models/$MODEL/aliases/"
      EOT
    }
    no_traffic = {
      title     = "No traffic"
      severity  = "WARNING"
      condition = "fewer requests than expected"
      essential = true
      meaning   = "Fewer requests came than are expected of this function. It may be well, and nobody gets through to it."
      look      = <<-EOT
        curl -i -H "Authorization: Bearer $(gcloud auth print-identity-token)" "$URL/v2/health/ready"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND httpRequest.status>=100" --project="$PROJECT" --freshness=1d --limit=5 --format="table(timestamp, httpRequest.status, httpRequest.userAgent)"
        gcloud run services get-iam-policy "$FUNCTION" --region="$REGION" --project="$PROJECT"
      EOT
    }
    uptime = {
      title     = "Uptime"
      severity  = "CRITICAL"
      condition = "checks from two regions fail"
      essential = true
      meaning   = "Checks from at least two regions get no answer, or not that the function is ready."
      look      = <<-EOT
        curl -i -H "Authorization: Bearer $(gcloud auth print-identity-token)" "$URL/v2/health/ready"
        gcloud run services get-iam-policy "$FUNCTION" --region="$REGION" --project="$PROJECT"
        gcloud logging read "resource.labels.service_name=\"$FUNCTION\" AND severity>=ERROR" --project="$PROJECT" --freshness=1h --limit=20 --format="table(timestamp, jsonPayload.code, jsonPayload.message, textPayload)"
      EOT
    }
    availability_fast_burn = {
      title     = "Availability burns fast"
      severity  = "CRITICAL"
      condition = "5xx burn 14.4 times the budget"
      essential = true
      meaning   = "So many requests are answered 5xx that a budget for 28 days is gone in two."
      look      = local.fast_burn_look
    }
    availability_slow_burn = {
      title     = "Availability burns slowly"
      severity  = "WARNING"
      condition = "5xx burn 6 times the budget"
      essential = false
      meaning   = "So many requests are answered 5xx that a budget for 28 days is gone in five."
      look      = local.burn_look
    }
    latency_fast_burn = {
      title     = "Latency burns fast"
      severity  = "ERROR"
      condition = "slow requests burn 14.4 times the budget"
      essential = false
      meaning   = "So many requests are answered too slowly that what the objective allows in 28 days is used up in two."
      look      = local.fast_burn_look
    }
    latency_slow_burn = {
      title     = "Latency burns slowly"
      severity  = "WARNING"
      condition = "slow requests burn 6 times the budget"
      essential = false
      meaning   = "So many requests are answered too slowly that what the objective allows in 28 days is used up in five."
      look      = local.burn_look
    }
  }
}
