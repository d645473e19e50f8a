# What each alert asks of the metrics, in PromQL: a share and enough traffic, a long window and a
# short one, in one condition. Of one request, one error is all: shares and percentiles are looked at
# only where more than `least` requests came, which `/ (… > least)` and `and` see to.
# Numbers have nine digits, because the products of thresholds would have a hundred.
#
# Names: https://cloud.google.com/monitoring/promql/promql-mapping

locals {
  requests       = "run_googleapis_com:request_count"
  latencies      = "run_googleapis_com:request_latencies_bucket"
  instance_count = "run_googleapis_com:container_instance_count"
  checks         = "monitoring_googleapis_com:uptime_check_check_passed"

  # By name and not by type, so that the metric is made first.
  counted = { for name, metric in google_logging_metric.lines : name => "logging_googleapis_com:user_${metric.name}" }

  queries = {
    error_ratio = [
      for group in local.groups.error_ratio : join("\n", [
        "sum by (service_name) (increase(${local.requests}{response_code_class=\"5xx\",${group.series}}[${group.window}]))",
        "  / (sum by (service_name) (increase(${local.requests}{${group.series}}[${group.window}])) > ${group.least})",
        "  > ${format("%.9g", group.ratio)}",
      ])
    ]

    latency_p95       = local.slow.latency_p95
    latency_p99       = local.slow.latency_p99
    latency_fast_burn = local.slow.latency_fast_burn
    latency_slow_burn = local.slow.latency_slow_burn

    cold_starts = [
      for group in local.groups.cold_starts : join("\n", [
        "sum by (service_name) (increase(${local.counted.loads}{${group.series}}[${group.window}]))",
        "  / (sum by (service_name) (increase(${local.requests}{${group.series}}[${group.window}])) > ${group.least})",
        "  > ${format("%.9g", group.ratio)}",
      ])
    ]

    instances = [
      for group in local.groups.instances :
      "sum by (service_name) (${local.instance_count}{state=\"active\",${group.series}}) > ${format("%.9g", group.active)}"
    ]

    # Refusals have an alert of their own.
    load_failures = [
      for group in local.groups.load_failures :
      "sum by (service_name, model, code) (increase(${local.counted.load_failures}{code=~\"${join("|", local.failures)}\",${group.series}}[${group.window}])) > 0"
    ]

    # A function that scaled to zero sends no zeros: what is missing counts as none.
    no_traffic = [
      for name, function in local.watched : join("\n", [
        "(",
        "  sum by (service_name) (increase(${local.requests}{${local.here},service_name=\"${name}\"}[${function.expects.minutes * 60}s]))",
        "  or label_replace(vector(0), \"service_name\", \"${name}\", \"\", \"\")",
        ") < ${function.expects.requests}",
      ]) if function.expects != null
    ]

    # Of the regions that check, two must fail: one may have trouble of its own.
    uptime = [
      for name, function in local.watched : join("\n", [
        "label_replace(",
        "  count(last_over_time(${local.checks}{monitored_resource=\"uptime_url\",check_id=\"${google_monitoring_uptime_check_config.ready[name].uptime_check_id}\"}[${max(1200, 2 * function.uptime.period_seconds)}s]) == 0) > 1,",
        "  \"service_name\", \"${name}\", \"\", \"\"",
        ")",
      ]) if function.uptime != null
    ]

    availability_fast_burn = local.burnt.availability_fast_burn
    availability_slow_burn = local.burnt.availability_slow_burn
  }

  # The share of 5xx, over each window at once; traffic is looked at over the longest, the first.
  burnt = {
    for alert in ["availability_fast_burn", "availability_slow_burn"] : alert => [
      for group in local.groups[alert] : join("\nand\n", [
        for window in group.windows : join("\n", [
          "sum by (service_name) (increase(${local.requests}{response_code_class=\"5xx\",${group.series}}[${window}]))",
          "  / (sum by (service_name) (increase(${local.requests}{${group.series}}[${window}]))${window == group.windows[0] ? " > ${group.least}" : ""})",
          "  > ${format("%.9g", group.ratio)}",
        ])
      ])
    ]
  }

  # A quantile of the latencies, over each window at once.
  slow = {
    for alert in ["latency_p95", "latency_p99", "latency_fast_burn", "latency_slow_burn"] : alert => [
      for group in local.groups[alert] : join("\nand\n", concat(
        [
          for window in group.windows :
          "histogram_quantile(${format("%.9g", group.quantile)}, sum by (service_name, le) (increase(${local.latencies}{${group.series}}[${window}]))) > ${group.milliseconds}"
        ],
        ["sum by (service_name) (increase(${local.requests}{${group.series}}[${group.windows[0]}])) > ${group.least}"],
      ))
    ]
  }
}
