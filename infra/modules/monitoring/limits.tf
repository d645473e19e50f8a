# What thresholds and objectives may be; variables.tf asks.

locals {
  # Each with the least and the most that it may be; the least itself is too little.
  threshold_limits = {
    error_ratio      = [0, 1]
    latency_p95_ms   = [0, 3600000]
    latency_p99_ms   = [0, 3600000]
    cold_start_ratio = [0, 1]
    instance_ratio   = [0, 1]
    min_requests     = [0, 1000000]
    window_minutes   = [0, 1410]
  }
  slo_limits = {
    availability = [0, 0.9999]
    latency      = [0, 0.9999]
    latency_ms   = [0, 3600000]
    days         = [0, 30]
  }
}
