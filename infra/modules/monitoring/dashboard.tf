# One page: a row for each function, all with the same charts.

locals {
  columns       = 48
  header_height = 3
  chart_height  = 14

  charts = {
    for name, function in var.functions : name => [
      {
        title   = "Requests by class, 1/s"
        type    = "STACKED_BAR"
        lines   = [{ metric = "run.googleapis.com/request_count", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["metric.labels.response_code_class"], legend = "$${metric.labels.response_code_class}" }]
        markers = []
      },
      {
        title = "Latency p50, p95, p99, ms"
        type  = "LINE"
        lines = [
          for percentile in ["50", "95", "99"] :
          { metric = "run.googleapis.com/request_latencies", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_${percentile}", by = [], legend = "p${percentile}" }
        ]
        markers = [
          { label = "alert at p95", value = local.thresholds[name].latency_p95_ms },
          { label = "alert at p99", value = local.thresholds[name].latency_p99_ms },
        ]
      },
      {
        title   = "Instances, of ${function.max_instances}"
        type    = "STACKED_BAR"
        lines   = [{ metric = "run.googleapis.com/container/instance_count", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["metric.labels.state"], legend = "$${metric.labels.state}" }]
        markers = [{ label = "max_instances", value = function.max_instances }]
      },
      {
        title   = "Errors by code"
        type    = "STACKED_BAR"
        lines   = [{ metric = local.metric_types.errors, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.labels.code"], legend = "$${metric.labels.code}" }]
        markers = []
      },
      {
        # Not stacked: a refusal is a failure, too.
        title = "Loads, failures and refusals"
        type  = "LINE"
        lines = [
          { metric = local.metric_types.loads, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.labels.model"], legend = "$${metric.labels.model} loaded" },
          { metric = local.metric_types.load_failures, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.labels.model", "metric.labels.code"], legend = "$${metric.labels.model} $${metric.labels.code}" },
          { metric = local.metric_types.refusals, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.labels.model"], legend = "$${metric.labels.model} refused" },
        ]
        markers = []
      },
      {
        title   = "Confidence"
        type    = "HEATMAP"
        lines   = [{ metric = local.metric_types.confidence, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = [], legend = "" }]
        markers = []
      },
    ]
  }

  tiles = flatten([
    for row, name in sort(keys(var.functions)) : [
      {
        xPos   = 0
        yPos   = row * (local.header_height + local.chart_height)
        width  = local.columns
        height = local.header_height
        widget = {
          title         = name
          sectionHeader = { subtitle = length(var.functions[name].models) == 0 ? "the models in its bundle" : join(", ", var.functions[name].models), dividerBelow = true }
        }
      },
      [
        for column, chart in local.charts[name] : {
          xPos   = column * local.columns / length(local.charts[name])
          yPos   = row * (local.header_height + local.chart_height) + local.header_height
          width  = local.columns / length(local.charts[name])
          height = local.chart_height
          widget = {
            title = chart.title
            xyChart = {
              chartOptions = { mode = "COLOR" }
              dataSets = [
                for line in chart.lines : {
                  plotType           = chart.type
                  targetAxis         = "Y1"
                  legendTemplate     = line.legend
                  minAlignmentPeriod = "60s"
                  timeSeriesQuery = {
                    timeSeriesFilter = {
                      filter = "metric.type=\"${line.metric}\" AND ${local.series[name]}"
                      aggregation = {
                        alignmentPeriod    = "60s"
                        perSeriesAligner   = line.aligner
                        crossSeriesReducer = line.reducer
                        groupByFields      = line.by
                      }
                    }
                  }
                }
              ]
              thresholds = [for marker in chart.markers : { label = marker.label, value = marker.value, targetAxis = "Y1" }]
            }
          }
        }
      ],
    ]
  ])
}

resource "google_monitoring_dashboard" "functions" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName  = "Predictions (${var.environment})"
    mosaicLayout = { columns = local.columns, tiles = local.tiles }
  })
}
