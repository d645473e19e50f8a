# What is counted, who is woken and by what, what is promised, and what is shown. Which log lines the
# metrics count is in tests/infra/test_log_metrics.py.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id          = "example-project"
  region              = "europe-west1"
  environment         = "prod"
  notification_emails = { team = "team@example.com" }
  functions = {
    digits = {
      url           = "https://digits-abc-ew.a.run.app"
      models        = ["digits", "iris@staging"]
      registry      = "gs://example-models/registry"
      max_instances = 20
    }
    flowers = {
      url           = "https://flowers-abc-ew.a.run.app"
      models        = ["iris@20260101T000000Z-0123abcd"]
      registry      = "gs://example-models"
      max_instances = 1
    }
  }
}

run "what_is_watched_by_default" {
  command = apply

  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = toset(keys(google_logging_metric.lines)) == toset(["errors", "loads", "load_failures", "refusals", "confidence"])
    error_message = "expected errors, loads, failed loads, refusals and confidence to be counted"
  }

  assert {
    condition     = alltrue([for metric in values(google_logging_metric.lines) : strcontains(metric.filter, "resource.labels.service_name=~\"^(digits|flowers)$\"") && strcontains(metric.filter, "resource.labels.location=~\"^(europe-west1)$\"")])
    error_message = "expected lines of these functions and of no others"
  }

  assert {
    condition     = alltrue([for metric in values(google_logging_metric.lines) : !contains(keys(metric.label_extractors), "version")])
    error_message = "expected no label that takes a new value with each version"
  }

  assert {
    condition     = alltrue([for metric in values(google_logging_metric.lines) : toset(keys(metric.label_extractors)) == toset([for label in metric.metric_descriptor[0].labels : label.key])])
    error_message = "expected each label to be declared and extracted"
  }

  assert {
    condition     = google_logging_metric.lines["errors"].label_extractors["code"] == "EXTRACT(jsonPayload.code)"
    error_message = "expected errors by code"
  }

  assert {
    condition     = google_logging_metric.lines["confidence"].metric_descriptor[0].value_type == "DISTRIBUTION" && google_logging_metric.lines["confidence"].value_extractor == "EXTRACT(jsonPayload.confidence)"
    error_message = "expected the distribution of scores"
  }

  assert {
    condition     = output.metrics["errors"] == "logging.googleapis.com/user/tflite_functions_prod_errors"
    error_message = "expected a name that another environment in the project does not have"
  }

  assert {
    condition     = toset(output.alerts) == toset(["error_ratio", "latency_p95", "latency_p99", "cold_starts", "instances", "load_failures", "availability_fast_burn", "availability_slow_burn", "latency_fast_burn", "latency_slow_burn", "refused digits", "refused flowers"])
    error_message = "expected one policy for each alert, whatever the number of functions, and one for each function's refusals"
  }

  assert {
    condition     = alltrue([for policy in values(google_monitoring_alert_policy.metric) : length(policy.conditions) == 1])
    error_message = "expected one condition, because conditions are paid for"
  }

  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.metric), values(google_monitoring_alert_policy.refused)) : policy.notification_channels == tolist([google_monitoring_notification_channel.email["team"].id])])
    error_message = "expected every alert to tell the team"
  }

  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.metric), values(google_monitoring_alert_policy.refused)) : contains(["CRITICAL", "ERROR", "WARNING"], policy.severity) && policy.alert_strategy[0].auto_close == "3600s" && policy.user_labels["environment"] == "prod"])
    error_message = "expected a severity, an end, and labels"
  }

  assert {
    condition     = google_monitoring_notification_channel.email["team"].type == "email" && google_monitoring_notification_channel.email["team"].labels["email_address"] == "team@example.com"
    error_message = "expected a mail"
  }

  # What the queries give is in tests/infra/test_alert_queries.py.
  assert {
    condition     = alltrue([for alert in ["error_ratio", "latency_p95", "latency_p99", "load_failures"] : length(regexall("service_name=~\"digits\\|flowers\"", google_monitoring_alert_policy.metric[alert].conditions[0].condition_prometheus_query_language[0].query)) >= 1])
    error_message = "expected functions with the same thresholds to share a query"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["instances"].conditions[0].condition_prometheus_query_language[0].query, "service_name=~\"digits\"") && !strcontains(google_monitoring_alert_policy.metric["instances"].conditions[0].condition_prometheus_query_language[0].query, "flowers")
    error_message = "expected no alert about the only instance that a function may have"
  }

  assert {
    condition     = alltrue([for policy in values(google_monitoring_alert_policy.metric) : policy.conditions[0].condition_prometheus_query_language[0].disable_metric_validation])
    error_message = "expected no 404 for a metric of logs that Cloud Monitoring does not know yet"
  }

  assert {
    condition     = google_monitoring_alert_policy.metric["instances"].conditions[0].condition_prometheus_query_language[0].duration == "300s"
    error_message = "expected instances to be busy for a while"
  }

  # Refused artifacts.
  assert {
    condition     = google_monitoring_alert_policy.refused["digits"].alert_strategy[0].notification_rate_limit[0].period == "3600s" && google_monitoring_alert_policy.refused["digits"].severity == "CRITICAL"
    error_message = "expected one mail an hour"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.refused["digits"].conditions[0].condition_matched_log[0].filter, "integrity_error") && strcontains(google_monitoring_alert_policy.refused["digits"].conditions[0].condition_matched_log[0].filter, "resource.labels.service_name=\"digits\"")
    error_message = "expected this function's refusals"
  }

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.refused["digits"].conditions[0].condition_matched_log[0].label_extractors)) == toset(["model", "version", "code"])
    error_message = "expected the incident to tell which version, and why"
  }

  assert {
    condition     = startswith(google_monitoring_alert_policy.refused["digits"].documentation[0].content, "$${log.extracted_label.model} $${log.extracted_label.version}: $${log.extracted_label.code}\n")
    error_message = "expected the mail to begin with it"
  }

  # What it says.
  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["error_ratio"].documentation[0].subject, "$${metric_or_resource.label.service_name}") && strcontains(google_monitoring_alert_policy.metric["error_ratio"].documentation[0].content, "FUNCTION=$${metric_or_resource.label.service_name}")
    error_message = "expected the function that the incident is of"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.refused["digits"].documentation[0].content, "FUNCTION=digits\n") && !strcontains(google_monitoring_alert_policy.refused["digits"].documentation[0].content, "metric_or_resource")
    error_message = "expected a policy of one function to name it"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["error_ratio"].documentation[0].content, "`.venv/bin/python -m model_export rollback \"$MODEL\" \"$ALIAS\" --registry \"$REGISTRY\"`")
    error_message = "expected the command that rolls back"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["error_ratio"].documentation[0].content, "Roll back flowers: name another version in `models`")
    error_message = "expected a pinned version to be rolled back by its name"
  }

  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.metric), values(google_monitoring_alert_policy.refused)) : length(policy.documentation[0].content) < 8192 && length(policy.documentation[0].subject) < 255])
    error_message = "expected documentation that Cloud Monitoring takes"
  }

  assert {
    condition = alltrue([for alert, windows in { availability_fast_burn = ["3600s", "300s"], latency_fast_burn = ["3600s", "300s"], availability_slow_burn = ["21600s", "1800s"], latency_slow_burn = ["21600s", "1800s"] } :
      alltrue([for window in windows : strcontains(google_monitoring_alert_policy.metric[alert].conditions[0].condition_prometheus_query_language[0].query, "[${window}]")])
    ])
    error_message = "expected a long window, and a short one that ends the alert"
  }

  assert {
    condition     = length(regexall("> 0.072", google_monitoring_alert_policy.metric["availability_fast_burn"].conditions[0].condition_prometheus_query_language[0].query)) == 2 && length(regexall("> 0.03\\b", google_monitoring_alert_policy.metric["availability_slow_burn"].conditions[0].condition_prometheus_query_language[0].query)) == 2
    error_message = "expected 14.4 and 6 times the half of a percent that may fail"
  }

  assert {
    condition     = length(regexall("histogram_quantile\\(0.28,.*> 500", google_monitoring_alert_policy.metric["latency_fast_burn"].conditions[0].condition_prometheus_query_language[0].query)) == 2 && length(regexall("histogram_quantile\\(0.7,.*> 500", google_monitoring_alert_policy.metric["latency_slow_burn"].conditions[0].condition_prometheus_query_language[0].query)) == 2
    error_message = "expected 72 and 30 percent of the requests to be slow, of which five may be"
  }

  assert {
    condition     = length(google_monitoring_uptime_check_config.ready) == 0 && length(google_cloud_run_v2_service_iam_member.checker) == 0 && length(google_billing_budget.project) == 0 && length(data.google_project.this) == 0
    error_message = "expected nothing that wakes an instance, lets somebody in or needs the billing account"
  }

  assert {
    condition     = !contains(output.alerts, "no_traffic") && !contains(output.alerts, "uptime")
    error_message = "expected idleness to be no fault"
  }

  assert {
    condition = {
      for row in ["digits", "flowers"] : row => [
        for tile in jsondecode(google_monitoring_dashboard.functions.dashboard_json).mosaicLayout.tiles : split(",", tile.widget.title)[0]
        if try(strcontains(tile.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.filter, "service_name=\"${row}\""), false)
      ]
      } == {
      for row in ["digits", "flowers"] : row => ["Requests by class", "Latency p50", "Instances", "Errors by code", "Loads", "Confidence"]
    }
    error_message = "expected a row of charts for each function"
  }

  assert {
    condition     = output.dashboard_id == "projects/123456789012/dashboards/0a1b2c3d" && output.dashboard_url == "https://console.cloud.google.com/monitoring/dashboards/builder/0a1b2c3d?project=example-project"
    error_message = "expected the page in the console"
  }
}

run "essential_alerts_a_check_and_a_budget" {
  command = apply

  module {
    source = "./modules/monitoring"
  }

  variables {
    alerts = "essential"
    functions = {
      digits  = { url = "https://digits-abc-ew.a.run.app", models = ["digits"], registry = "gs://m", max_instances = 10, expects = { requests = 100, minutes = 30 }, uptime = { period_seconds = 300 } }
      flowers = { url = "https://f.example.com", models = ["iris"], registry = "gs://m", max_instances = 10 }
    }
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 50, currency = "EUR" }
  }

  assert {
    condition     = toset(output.alerts) == toset(["availability_fast_burn", "load_failures", "no_traffic", "uptime", "refused digits", "refused flowers"])
    error_message = "expected what says that a function does not answer, and nothing else"
  }

  assert {
    condition     = google_monitoring_uptime_check_config.ready["digits"].http_check[0].service_agent_authentication[0].type == "OIDC_TOKEN" && length(google_monitoring_uptime_check_config.ready["digits"].http_check[0].auth_info) == 0
    error_message = "expected a token, and no secret"
  }

  assert {
    condition     = google_monitoring_uptime_check_config.ready["digits"].http_check[0].path == "/v2/health/ready" && google_monitoring_uptime_check_config.ready["digits"].http_check[0].use_ssl && google_monitoring_uptime_check_config.ready["digits"].http_check[0].validate_ssl && google_monitoring_uptime_check_config.ready["digits"].monitored_resource[0].labels["host"] == "digits-abc-ew.a.run.app" && google_monitoring_uptime_check_config.ready["digits"].period == "300s"
    error_message = "expected the function's own readiness, over TLS, as often as asked for"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_member.checker["digits"].role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.checker["digits"].name == "digits" && google_cloud_run_v2_service_iam_member.checker["digits"].member == "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
    error_message = "expected Cloud Monitoring's account to be let in, to this function alone"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["uptime"].conditions[0].condition_prometheus_query_language[0].query, "check_id=\"${google_monitoring_uptime_check_config.ready["digits"].uptime_check_id}\"")
    error_message = "expected an alert when two regions fail"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["no_traffic"].conditions[0].condition_prometheus_query_language[0].query, "service_name=\"digits\"}[1800s]") && endswith(google_monitoring_alert_policy.metric["no_traffic"].conditions[0].condition_prometheus_query_language[0].query, "< 100")
    error_message = "expected an alert below a hundred requests in half an hour"
  }

  assert {
    condition     = google_billing_budget.project[0].amount[0].specified_amount[0].units == "50" && google_billing_budget.project[0].amount[0].specified_amount[0].currency_code == "EUR" && google_billing_budget.project[0].budget_filter[0].projects == toset(["projects/123456789012"])
    error_message = "expected fifty euros for this project alone"
  }

  assert {
    condition     = [for rule in google_billing_budget.project[0].threshold_rules : rule.threshold_percent] == [0.5, 0.9, 1, 1] && google_billing_budget.project[0].threshold_rules[3].spend_basis == "FORECASTED_SPEND"
    error_message = "expected to be told at a half, nine tenths and the whole, and when the whole is foreseen"
  }

  assert {
    condition     = google_billing_budget.project[0].all_updates_rule[0].monitoring_notification_channels == tolist([google_monitoring_notification_channel.email["team"].id])
    error_message = "expected the team to be told"
  }
}

run "more_functions_than_fit_into_a_mail" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  variables {
    functions = { for number in range(30) : "a-function-with-a-name-as-long-as-a-name-may-be-${number}" => { url = "https://f${number}.example.com", models = ["digits"], registry = "gs://example-models", max_instances = 10 } }
  }

  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.metric), values(google_monitoring_alert_policy.refused)) : length(policy.documentation[0].content) < 8192])
    error_message = "expected documentation that Cloud Monitoring takes"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["error_ratio"].documentation[0].content, "as docs/8-runbook.md says at its beginning")
    error_message = "expected to be told where the names are"
  }
}

run "another_set_of_alerts" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { alerts = "some" }
  expect_failures = [var.alerts]
}

run "thresholds_and_objectives" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  variables {
    thresholds         = { error_ratio = 0.1, window_minutes = 10 }
    auto_close_minutes = 30
    runbook            = "https://example.com/runbook"
    functions = {
      digits  = { url = "https://d.example.com", models = ["digits"], registry = "gs://m", max_instances = 10, thresholds = { error_ratio = 0.01 }, slo = { latency_ms = 50 } }
      flowers = { url = "https://f.example.com", models = ["iris"], registry = "gs://m", max_instances = 10 }
    }
    slo = { availability = 0.999, days = 7 }
  }

  assert {
    condition     = length(regexall("service_name=~\"digits\"[^>]*[^>]*> 20\\)\\s+> 0.01", google_monitoring_alert_policy.metric["error_ratio"].conditions[0].condition_prometheus_query_language[0].query)) == 1 && length(regexall("service_name=~\"flowers\"[^>]*> 20\\)\\s+> 0.1", google_monitoring_alert_policy.metric["error_ratio"].conditions[0].condition_prometheus_query_language[0].query)) == 1
    error_message = "expected a function's own threshold before that of all, in one policy"
  }

  assert {
    condition     = length(regexall("\\[600s\\]", google_monitoring_alert_policy.metric["error_ratio"].conditions[0].condition_prometheus_query_language[0].query)) == 4
    error_message = "expected one window above and below the line"
  }

  assert {
    condition     = google_monitoring_alert_policy.metric["error_ratio"].documentation[0].links[0].url == "https://example.com/runbook#error-ratio" && google_monitoring_alert_policy.refused["digits"].documentation[0].links[0].url == "https://example.com/runbook#refused-artifacts"
    error_message = "expected a link to the runbook"
  }

  assert {
    condition     = google_monitoring_alert_policy.metric["error_ratio"].alert_strategy[0].auto_close == "1800s"
    error_message = "expected incidents to end as told"
  }

  assert {
    condition     = google_monitoring_slo.availability["digits"].goal == 0.999 && google_monitoring_slo.latency["digits"].goal == 0.95 && google_monitoring_slo.availability["digits"].rolling_period_days == 7
    error_message = "expected the objectives that were asked for, and the defaults else"
  }

  assert {
    condition     = google_monitoring_slo.latency["digits"].request_based_sli[0].distribution_cut[0].range[0].max == 50 && google_monitoring_slo.latency["flowers"].request_based_sli[0].distribution_cut[0].range[0].max == 500
    error_message = "expected a function's own latency before that of all"
  }

  assert {
    condition     = strcontains(google_monitoring_slo.availability["digits"].request_based_sli[0].good_total_ratio[0].bad_service_filter, "response_code_class=\"5xx\"") && strcontains(google_monitoring_slo.availability["digits"].request_based_sli[0].good_total_ratio[0].total_service_filter, "resource.labels.service_name=\"digits\"")
    error_message = "expected bad requests to be this function's 5xx"
  }

  assert {
    condition     = google_monitoring_custom_service.function["digits"].service_id == "prod-digits" && google_monitoring_slo.latency["digits"].service == "prod-digits"
    error_message = "expected the objectives to be the service's"
  }
}

run "no_alerts_where_told" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  variables {
    functions = {
      digits  = { url = "https://d.example.com", models = ["digits"], registry = "gs://m", max_instances = 10 }
      flowers = { url = "https://f.example.com", models = ["iris"], registry = "gs://m", max_instances = 10, alerts = false }
    }
  }

  assert {
    condition     = length(output.alerts) == 11 && !contains(output.alerts, "refused flowers") && alltrue([for policy in values(google_monitoring_alert_policy.metric) : !strcontains(policy.conditions[0].condition_prometheus_query_language[0].query, "flowers")])
    error_message = "expected no alerts of the function that wants none"
  }

  assert {
    condition     = length(google_monitoring_slo.availability) == 2 && strcontains(google_monitoring_dashboard.functions.dashboard_json, "\"title\":\"flowers\"")
    error_message = "expected its objectives and its row to stay"
  }
}

run "models_that_the_bundle_carries_in_two_regions" {
  command = apply

  module {
    source = "./modules/monitoring"
  }

  variables {
    functions             = { digits = { url = "https://d.example.com", max_instances = 10 } }
    notification_channels = ["projects/example-project/notificationChannels/1"]
    slo                   = { availability = 0.9999, latency = 0.9999 }
    more_regions          = ["us-east1"]
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.refused["digits"].documentation[0].content, "deploy the bundle before this one") && strcontains(google_monitoring_alert_policy.refused["digits"].documentation[0].content, "gcloud functions describe \"$FUNCTION\"") && !strcontains(google_monitoring_alert_policy.refused["digits"].documentation[0].content, "gcloud storage")
    error_message = "expected no commands about a registry that there is not"
  }

  assert {
    condition     = length(output.channels) == 2 && contains(output.channels, "projects/example-project/notificationChannels/1") && google_monitoring_alert_policy.refused["digits"].notification_channels == tolist(output.channels)
    error_message = "expected both to be told"
  }

  assert {
    condition     = google_monitoring_slo.availability["digits"].goal == 0.9999
    error_message = "expected the highest objective that Cloud Monitoring takes"
  }

  assert {
    condition     = alltrue([for metric in values(google_logging_metric.lines) : strcontains(metric.filter, "resource.labels.location=~\"^(europe-west1|us-east1)$\"")])
    error_message = "expected the lines of both regions to be counted"
  }

  assert {
    condition     = alltrue([for slo in values(google_monitoring_slo.availability) : strcontains(slo.request_based_sli[0].good_total_ratio[0].total_service_filter, "resource.labels.location=one_of(\"europe-west1\",\"us-east1\")")])
    error_message = "expected the objective to be that of both regions together"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["error_ratio"].conditions[0].condition_prometheus_query_language[0].query, "location=~\"europe-west1|us-east1\"")
    error_message = "expected alerts to see both regions"
  }
}

run "environment" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { environment = "Prod" }
  expect_failures = [var.environment]
}

run "no_functions" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { functions = {} }
  expect_failures = [var.functions]
}

run "no_instances" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { functions = { digits = { url = "https://d.example.com", max_instances = 0 } } }
  expect_failures = [var.functions]
}

run "a_threshold_of_a_function_that_there_is_not" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { functions = { digits = { url = "https://d.example.com", max_instances = 1, thresholds = { latency_p90_ms = 1 } } } }
  expect_failures = [var.functions]
}

run "an_objective_of_a_function_beyond_all" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { functions = { digits = { url = "https://d.example.com", max_instances = 1, slo = { availability = 1 } } } }
  expect_failures = [var.functions]
}

run "traffic_expected_over_two_days" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { functions = { digits = { url = "https://d.example.com", max_instances = 1, expects = { minutes = 2880 } } } }
  expect_failures = [var.functions]
}

run "a_check_every_two_minutes" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { functions = { digits = { url = "https://d.example.com", max_instances = 1, uptime = { period_seconds = 120 } } } }
  expect_failures = [var.functions]
}

run "a_check_from_outside_of_a_function_inside" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { functions = { digits = { url = "https://d.example.com", max_instances = 1, ingress = "ALLOW_INTERNAL_ONLY", uptime = {} } } }
  expect_failures = [var.functions]
}

run "an_address_without_a_host" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { notification_emails = { team = "team" } }
  expect_failures = [var.notification_emails]
}

run "a_channel_by_its_name" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { notification_channels = ["team"] }
  expect_failures = [var.notification_channels]
}

run "a_share_above_one" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { thresholds = { error_ratio = 5 } }
  expect_failures = [var.thresholds]
}

run "a_threshold_that_there_is_not" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { thresholds = { error_rate = 0.5 } }
  expect_failures = [var.thresholds]
}

run "half_a_minute" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { thresholds = { window_minutes = 0.5 } }
  expect_failures = [var.thresholds]
}

run "an_objective_of_one" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { slo = { availability = 1 } }
  expect_failures = [var.slo]
}

run "five_nines" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { slo = { latency = 0.99999 } }
  expect_failures = [var.slo]
}

run "an_objective_over_a_quarter" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { slo = { days = 90 } }
  expect_failures = [var.slo]
}

run "incidents_that_end_at_once" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { auto_close_minutes = 5 }
  expect_failures = [var.auto_close_minutes]
}

run "a_runbook_without_tls" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { runbook = "http://example.com" }
  expect_failures = [var.runbook]
}

run "a_billing_account_by_its_name" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { budget = { billing_account = "ours", amount = 50 } }
  expect_failures = [var.budget]
}

run "a_budget_of_cents" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { budget = { billing_account = "012345-6789AB-CDEF01", amount = 0.5 } }
  expect_failures = [var.budget]
}

run "a_currency_by_its_sign" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { budget = { billing_account = "012345-6789AB-CDEF01", amount = 50, currency = "€" } }
  expect_failures = [var.budget]
}

run "a_budget_that_tells_six" {
  command = plan
  module { source = "./modules/monitoring" }
  variables {
    budget              = { billing_account = "012345-6789AB-CDEF01", amount = 50 }
    notification_emails = { for name in ["a", "b", "c", "d", "e", "f"] : name => "${name}@example.com" }
  }
  expect_failures = [var.budget]
}
