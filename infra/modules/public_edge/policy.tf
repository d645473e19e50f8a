# Who may pass. The first rule that matches decides, so refusals come first; the rate limit is what
# lets requests in, and whoever it does not cover is refused by the last rule.

locals {
  # A rule takes ten ranges.
  admitted = length(var.allowed_ip_ranges) == 0 ? [["*"]] : chunklist(var.allowed_ip_ranges, 10)
  bans     = var.rate_limit.ban_seconds != null

  # Anchored, so that an address without a region is in no list.
  regions = "origin.region_code.matches('^(${join("|", sort(setunion(var.allowed_regions, var.denied_regions)))})$')"

  refusals = concat(
    [{
      priority    = 1000
      description = "Content-Length beyond ${var.max_request_bytes}"
      expression  = "has(request.headers['content-length']) && int(request.headers['content-length']) > ${var.max_request_bytes}"
    }],
    !var.require_content_length ? [] : [{
      priority    = 1010
      description = "POST without Content-Length"
      expression  = "request.method == 'POST' && !has(request.headers['content-length'])"
    }],
    length(var.allowed_regions) == 0 ? [] : [{
      priority    = 2000
      description = "From elsewhere than the allowed regions"
      expression  = "!${local.regions}"
    }],
    length(var.denied_regions) == 0 ? [] : [{
      priority    = 2000
      description = "From a denied region"
      expression  = local.regions
    }],
    [for index, set in sort(keys(var.waf)) : {
      priority    = 3000 + index
      description = "Preconfigured ${set}"
      expression  = "evaluatePreconfiguredWaf('${set}', {'sensitivity': ${var.waf[set]}})"
    }],
  )
}

resource "google_compute_security_policy" "edge" {
  #checkov:skip=CKV_GCP_73:Functions are Python and have no Log4j; waf = { "cve-canary" = 1 } adds the rule for whoever puts other backends behind the policy.
  project     = var.project_id
  name        = var.name
  description = "Size, origin and rate of requests to functions."
  type        = "CLOUD_ARMOR"

  dynamic "rule" {
    for_each = local.refusals
    content {
      action      = "deny(403)"
      priority    = rule.value.priority
      description = rule.value.description

      match {
        expr {
          expression = rule.value.expression
        }
      }
    }
  }

  # A ban cannot be changed into a throttle, so each has priorities of its own.
  dynamic "rule" {
    for_each = local.admitted
    content {
      action      = local.bans ? "rate_based_ban" : "throttle"
      priority    = (local.bans ? 20000 : 10000) + rule.key
      description = "At most ${var.rate_limit.requests} requests in ${var.rate_limit.seconds} s from one address"

      match {
        versioned_expr = "SRC_IPS_V1"
        config {
          src_ip_ranges = rule.value
        }
      }

      rate_limit_options {
        conform_action   = "allow"
        exceed_action    = "deny(429)"
        enforce_on_key   = "IP"
        ban_duration_sec = var.rate_limit.ban_seconds

        rate_limit_threshold {
          count        = var.rate_limit.requests
          interval_sec = var.rate_limit.seconds
        }
      }
    }
  }

  rule {
    action      = "deny(403)"
    priority    = 2147483647
    description = "Nobody else"

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  adaptive_protection_config {
    layer_7_ddos_defense_config {
      enable = var.adaptive_protection
    }
  }

  # With a WAF, values of JSON are looked at one by one, which makes fewer false alarms.
  advanced_options_config {
    json_parsing = length(var.waf) == 0 ? "DISABLED" : "STANDARD"
    log_level    = "NORMAL"
  }
}
