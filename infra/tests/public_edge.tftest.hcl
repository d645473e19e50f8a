# Public names: where they lead, who may pass, and what stays shut.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "example-project"
  region     = "europe-west1"
  functions  = { digits = "digits", flowers = "flowers", unused = "unused" }
  hosts = {
    "api.example.com" = { function = "digits", paths = { "/flowers" = "flowers" } }
    "ml.example.com"  = { paths = { "/digits" = "digits" } }
  }
  deletion_protection = false
}

run "names_lead_to_functions_and_policy" {
  command = apply

  module {
    source = "./modules/public_edge"
  }

  assert {
    condition     = toset(keys(google_compute_backend_service.function)) == toset(["digits", "flowers"])
    error_message = "expected a backend for each function that a host names, and for no other"
  }

  assert {
    condition = alltrue([for function, group in google_compute_region_network_endpoint_group.function :
      group.network_endpoint_type == "SERVERLESS" && group.cloud_run[0].service == function && group.region == "europe-west1"
    ])
    error_message = "expected each backend to be the function's Cloud Run service"
  }

  assert {
    condition = alltrue([for function, backend in google_compute_backend_service.function :
      one(backend.backend).group == google_compute_region_network_endpoint_group.function[function].id
    ])
    error_message = "expected each backend to send to its own function"
  }

  assert {
    condition = one([for matcher in google_compute_url_map.edge.path_matcher : matcher.default_service if matcher.description == "api.example.com"
    ]) == google_compute_backend_service.function["digits"].id
    error_message = "expected the host's function to get what no path claims"
  }

  assert {
    condition = one(flatten([for matcher in google_compute_url_map.edge.path_matcher : [
      for rule in matcher.path_rule : rule.service if matcher.description == "api.example.com" && rule.paths == toset(["/flowers", "/flowers/*"])
    ]])) == google_compute_backend_service.function["flowers"].id
    error_message = "expected a path, and what is below it, to lead to its function"
  }

  assert {
    condition = alltrue(flatten([for matcher in google_compute_url_map.edge.path_matcher : [
      for rule in matcher.path_rule : one(one(rule.route_action).url_rewrite).path_prefix_rewrite == "/"
    ]]))
    error_message = "expected the path to be taken off, because functions have routes of their own"
  }

  assert {
    condition = toset([for rule in google_compute_url_map.edge.host_rule : "${one(rule.hosts)} ${rule.path_matcher}"]) == toset([
      for matcher in google_compute_url_map.edge.path_matcher : "${matcher.description} ${matcher.name}"
    ])
    error_message = "expected each host to have its own paths"
  }

  assert {
    condition     = output.dns_records == { for host in keys(var.hosts) : host => { type = "A", name = "${host}.", data = "203.0.113.10" } }
    error_message = "expected a record for each host, to the address of the load balancer"
  }

  assert {
    condition     = google_compute_url_map.edge.default_route_action[0].fault_injection_policy[0].abort[0].http_status == 404 && google_compute_url_map.edge.default_route_action[0].fault_injection_policy[0].abort[0].percentage == 100
    error_message = "expected names that are not in hosts to be answered 404, always"
  }

  assert {
    condition = alltrue([for matcher in google_compute_url_map.edge.path_matcher :
      try(matcher.default_route_action[0].fault_injection_policy[0].abort[0].http_status, null) == (matcher.description == "ml.example.com" ? 404 : null)
    ])
    error_message = "expected a host without a function of its own to answer 404 off its paths, and one with a function not to"
  }

  assert {
    condition     = google_compute_ssl_policy.edge.min_tls_version == "TLS_1_2" && google_compute_ssl_policy.edge.profile == "RESTRICTED" && google_compute_target_https_proxy.edge.ssl_policy == google_compute_ssl_policy.edge.id
    error_message = "expected TLS 1.2 at least, and the strict ciphers"
  }

  assert {
    condition     = google_compute_global_forwarding_rule.https.port_range == "443" && google_compute_global_forwarding_rule.https.target == google_compute_target_https_proxy.edge.id && google_compute_target_https_proxy.edge.url_map == google_compute_url_map.edge.id
    error_message = "expected 443 to lead to the functions"
  }

  assert {
    condition     = google_compute_global_forwarding_rule.http.port_range == "80" && google_compute_global_forwarding_rule.http.target == google_compute_target_http_proxy.redirect.id && google_compute_target_http_proxy.redirect.url_map == google_compute_url_map.redirect.id
    error_message = "expected 80 to lead to the redirect, and to no function"
  }

  assert {
    condition     = google_compute_url_map.redirect.default_url_redirect[0].https_redirect && google_compute_url_map.redirect.default_url_redirect[0].redirect_response_code == "MOVED_PERMANENTLY_DEFAULT" && google_compute_url_map.redirect.default_service == null
    error_message = "expected HTTP to be answered with a redirect that does not repeat a POST"
  }

  assert {
    condition = alltrue([for thing in [google_compute_global_forwarding_rule.http, google_compute_global_forwarding_rule.https] :
      thing.load_balancing_scheme == "EXTERNAL_MANAGED" && thing.ip_address == google_compute_global_address.edge.id
    ])
    error_message = "expected both ports on the one address, of the load balancer that the backends are for"
  }

  assert {
    condition     = { for host, certificate in google_compute_managed_ssl_certificate.host : host => join(" ", certificate.managed[0].domains) } == { for host in keys(var.hosts) : host => host }
    error_message = "expected a certificate for each host, so that a further host leaves them alone"
  }

  assert {
    condition     = google_compute_managed_ssl_certificate.host["api.example.com"].name == "predictions-${substr(sha256("api.example.com"), 0, 12)}"
    error_message = "expected the certificate's name to carry the host's digest, because a certificate cannot be changed"
  }

  assert {
    condition     = toset(google_compute_target_https_proxy.edge.ssl_certificates) == toset(values(google_compute_managed_ssl_certificate.host)[*].id)
    error_message = "expected the proxy to show all of them"
  }

  assert {
    condition     = google_compute_global_address.edge.deletion_policy == "DELETE" && length(terraform_data.protected) == 0
    error_message = "expected an address without protection to go with the rest"
  }

  assert {
    condition     = alltrue([for backend in values(google_compute_backend_service.function) : backend.security_policy == google_compute_security_policy.edge.id])
    error_message = "expected no function to be reached past the policy"
  }

  assert {
    condition     = alltrue([for backend in values(google_compute_backend_service.function) : backend.log_config[0].enable && backend.log_config[0].sample_rate == 1 && backend.load_balancing_scheme == "EXTERNAL_MANAGED"])
    error_message = "expected every request to be logged"
  }

  assert {
    condition     = toset([for rule in google_compute_security_policy.edge.rule : rule.priority]) == toset([1000, 10000, 2147483647])
    error_message = "expected three rules by default: size, rate, and nobody else"
  }

  assert {
    condition = one([for rule in google_compute_security_policy.edge.rule : rule if rule.priority == 1000]).action == "deny(403)" && (
      one([for rule in google_compute_security_policy.edge.rule : rule if rule.priority == 1000]).match[0].expr[0].expression
      == "has(request.headers['content-length']) && int(request.headers['content-length']) > 33554432"
    )
    error_message = "expected requests that announce more than 32 MiB to be refused"
  }

  assert {
    condition = alltrue([for rule in google_compute_security_policy.edge.rule : rule.action == "throttle" && alltrue([
      rule.rate_limit_options[0].conform_action == "allow",
      rule.rate_limit_options[0].exceed_action == "deny(429)",
      rule.rate_limit_options[0].enforce_on_key == "IP",
      rule.rate_limit_options[0].rate_limit_threshold[0].count == 600,
      rule.rate_limit_options[0].rate_limit_threshold[0].interval_sec == 60,
      rule.match[0].config[0].src_ip_ranges == toset(["*"]),
    ]) if rule.priority == 10000])
    error_message = "expected 600 requests a minute from each address, and 429 beyond"
  }

  assert {
    condition     = alltrue([for rule in google_compute_security_policy.edge.rule : rule.action == "deny(403)" && rule.match[0].config[0].src_ip_ranges == toset(["*"]) if rule.priority == 2147483647])
    error_message = "expected whom no rule lets in to stay out"
  }

  assert {
    condition     = alltrue([for rule in google_compute_security_policy.edge.rule : !startswith(rule.action, "allow")])
    error_message = "expected nobody to pass without being counted"
  }

  assert {
    condition     = google_compute_security_policy.edge.type == "CLOUD_ARMOR" && !google_compute_security_policy.edge.adaptive_protection_config[0].layer_7_ddos_defense_config[0].enable && google_compute_security_policy.edge.advanced_options_config[0].json_parsing == "DISABLED"
    error_message = "expected what costs more or makes false alarms to be off"
  }
}

run "a_service_in_two_regions" {
  command = apply

  module {
    source = "./modules/public_edge"
  }

  # Of the same id, the two would be one backend.
  override_resource {
    target = google_compute_region_network_endpoint_group.function["digits us-east1"]
    values = { id = "projects/example-project/regions/us-east1/networkEndpointGroups/digits" }
  }

  variables {
    regions                = { digits = ["europe-west1", "us-east1"] }
    max_request_bytes      = 1000000
    require_content_length = true
  }

  assert {
    condition     = { for key, group in google_compute_region_network_endpoint_group.function : key => "${group.region} ${group.cloud_run[0].service}" } == { "digits" = "europe-west1 digits", "digits us-east1" = "us-east1 digits", "flowers" = "europe-west1 flowers" }
    error_message = "expected a group in each region, and the first one where it was without the second"
  }

  assert {
    condition     = length(distinct(values(google_compute_region_network_endpoint_group.function)[*].name)) == 3
    error_message = "expected names that tell the regions apart"
  }

  assert {
    condition     = length(google_compute_backend_service.function["digits"].backend) == 2 && length(google_compute_backend_service.function["flowers"].backend) == 1
    error_message = "expected one service of all regions"
  }

  assert {
    condition     = google_compute_backend_service.function["digits"].outlier_detection[0].consecutive_gateway_failure == 3 && google_compute_backend_service.function["digits"].outlier_detection[0].enforcing_consecutive_gateway_failure == 100 && google_compute_backend_service.function["digits"].outlier_detection[0].max_ejection_percent == 50
    error_message = "expected a region that fails to be left out, and never all of them"
  }

  assert {
    condition     = length(google_compute_backend_service.function["flowers"].outlier_detection) == 0
    error_message = "expected the only region never to be left out"
  }

  assert {
    condition     = anytrue([for rule in google_compute_security_policy.edge.rule : endswith(rule.match[0].expr[0].expression, " > 1000000") && rule.action == "deny(403)" if rule.priority == 1000])
    error_message = "expected the size that was asked for"
  }

  assert {
    condition     = anytrue([for rule in google_compute_security_policy.edge.rule : rule.match[0].expr[0].expression == "request.method == 'POST' && !has(request.headers['content-length'])" && rule.action == "deny(403)" if rule.priority == 1010])
    error_message = "expected bodies without a length to be refused"
  }
}

run "a_region_twice" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { regions = { digits = ["europe-west1", "europe-west1"] } }
  expect_failures = [var.regions]
}

run "what_is_kept_shown_and_refused" {
  command = plan

  module {
    source = "./modules/public_edge"
  }

  variables {
    deletion_protection = true
    certificate_map     = "projects/p/locations/global/certificateMaps/m"
    rate_limit          = { requests = 100, seconds = 10, ban_seconds = 300 }
    allowed_regions     = ["CH", "AT"]
    waf                 = { "sqli-v33-stable" = 1, "cve-canary" = 2 }
    adaptive_protection = true
    min_tls_version     = "TLS_1_3"
    log_sample_rate     = 0.5
  }

  assert {
    condition     = terraform_data.protected[0].triggers_replace == { project = "example-project", name = "predictions" }
    error_message = "expected the address that DNS has to be kept"
  }

  assert {
    condition     = length(google_compute_managed_ssl_certificate.host) == 0 && google_compute_target_https_proxy.edge.certificate_map == "//certificatemanager.googleapis.com/projects/p/locations/global/certificateMaps/m"
    error_message = "expected the map, and no certificate beside it"
  }

  assert {
    condition     = anytrue([for rule in google_compute_security_policy.edge.rule : rule.action == "rate_based_ban" && rule.rate_limit_options[0].ban_duration_sec == 300 && rule.rate_limit_options[0].rate_limit_threshold[0].count == 100 if rule.priority == 20000])
    error_message = "expected a ban of five minutes"
  }

  assert {
    condition     = !contains([for rule in google_compute_security_policy.edge.rule : rule.priority], 10000)
    error_message = "expected the ban at a priority of its own, because Google refuses to change one into a throttle"
  }

  assert {
    condition     = anytrue([for rule in google_compute_security_policy.edge.rule : rule.match[0].expr[0].expression == "!origin.region_code.matches('^(AT|CH)$')" && rule.action == "deny(403)" if rule.priority == 2000])
    error_message = "expected all other regions, and an unknown one, to be refused"
  }

  assert {
    condition = { for rule in google_compute_security_policy.edge.rule : rule.priority => rule.match[0].expr[0].expression if rule.priority >= 3000 && rule.priority < 4000 } == {
      "3000" = "evaluatePreconfiguredWaf('cve-canary', {'sensitivity': 2})"
      "3001" = "evaluatePreconfiguredWaf('sqli-v33-stable', {'sensitivity': 1})"
    }
    error_message = "expected a rule for each rule set, with its sensitivity"
  }

  assert {
    condition     = google_compute_security_policy.edge.advanced_options_config[0].json_parsing == "STANDARD" && google_compute_security_policy.edge.adaptive_protection_config[0].layer_7_ddos_defense_config[0].enable
    error_message = "expected JSON to be parsed, and adaptive protection"
  }

  assert {
    condition     = google_compute_ssl_policy.edge.min_tls_version == "TLS_1_3" && alltrue([for backend in values(google_compute_backend_service.function) : backend.log_config[0].sample_rate == 0.5])
    error_message = "expected TLS 1.3, and every second request in the log"
  }
}

run "long_names_and_few_who_pass" {
  command = plan

  module {
    source = "./modules/public_edge"
  }

  variables {
    name = "a-name-of-thirty-characters-30"
    functions = {
      a-name-that-is-nearly-as-long-as-a-name-may-be-49 = "a"
      a-name-that-is-nearly-as-long-as-a-name-may-be-50 = "b"
    }
    hosts = {
      "api.example.com" = {
        function = "a-name-that-is-nearly-as-long-as-a-name-may-be-49"
        paths    = { "/other" = "a-name-that-is-nearly-as-long-as-a-name-may-be-50" }
      }
    }
    denied_regions    = ["AQ"]
    allowed_ip_ranges = [for index in range(12) : "203.0.113.${index}/32"]
  }

  assert {
    condition = length(distinct(concat(
      values(google_compute_backend_service.function)[*].name,
      values(google_compute_region_network_endpoint_group.function)[*].name,
    ))) == 4
    error_message = "expected two functions to have two names"
  }

  assert {
    condition = alltrue([
      for name in concat(
        values(google_compute_backend_service.function)[*].name,
        values(google_compute_region_network_endpoint_group.function)[*].name,
        values(google_compute_managed_ssl_certificate.host)[*].name,
        google_compute_url_map.edge.path_matcher[*].name,
      ) : can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", name))
    ])
    error_message = "expected names that Compute Engine takes"
  }

  assert {
    condition     = anytrue([for rule in google_compute_security_policy.edge.rule : rule.match[0].expr[0].expression == "origin.region_code.matches('^(AQ)$')" && rule.action == "deny(403)" if rule.priority == 2000])
    error_message = "expected this region to be refused, and no other"
  }

  assert {
    condition     = { for rule in google_compute_security_policy.edge.rule : rule.priority => length(rule.match[0].config[0].src_ip_ranges) if rule.action == "throttle" } == { "10000" = 10, "10001" = 2 }
    error_message = "expected ten ranges in a rule, because Cloud Armor takes no more, and nobody else to be let in"
  }
}

run "a_name_with_a_dot" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { name = "api.example" }
  expect_failures = [var.name]
}

run "no_hosts" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { hosts = {} }
  expect_failures = [var.hosts]
}

run "sixteen_hosts" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { hosts = { for index in range(16) : "h${index}.example.com" => { function = "digits" } } }
  expect_failures = [var.hosts]
}

run "a_wildcard" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { hosts = { "*.example.com" = { function = "digits" } } }
  expect_failures = [var.hosts]
}

run "a_function_that_is_none" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { hosts = { "api.example.com" = { function = "digit" } } }
  expect_failures = [var.hosts]
}

run "a_host_that_leads_nowhere" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { hosts = { "api.example.com" = {} } }
  expect_failures = [var.hosts]
}

run "a_path_with_a_star" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { hosts = { "api.example.com" = { paths = { "/digits/*" = "digits" } } } }
  expect_failures = [var.hosts]
}

run "a_path_that_hides_routes" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { hosts = { "api.example.com" = { function = "digits", paths = { "/v1/flowers" = "flowers" } } } }
  expect_failures = [var.hosts]
}

run "a_regional_certificate_map" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { certificate_map = "projects/p/locations/europe-west1/certificateMaps/m" }
  expect_failures = [var.certificate_map]
}

run "tls_1_1" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { min_tls_version = "TLS_1_1" }
  expect_failures = [var.min_tls_version]
}

run "no_requests" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { rate_limit = { requests = 0 } }
  expect_failures = [var.rate_limit]
}

run "more_requests_than_a_ban_counts" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { rate_limit = { requests = 10001, ban_seconds = 60 } }
  expect_failures = [var.rate_limit]
}

run "an_odd_interval" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { rate_limit = { seconds = 45 } }
  expect_failures = [var.rate_limit]
}

run "an_odd_ban" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { rate_limit = { ban_seconds = 30 } }
  expect_failures = [var.rate_limit]
}

run "more_than_a_function_takes" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { max_request_bytes = 33554433 }
  expect_failures = [var.max_request_bytes]
}

run "a_region_in_small_letters" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { allowed_regions = ["ch"] }
  expect_failures = [var.allowed_regions]
}

run "a_denied_region_by_name" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { denied_regions = ["Antarctica"] }
  expect_failures = [var.denied_regions]
}

run "allowed_and_denied" {
  command = plan
  module { source = "./modules/public_edge" }
  variables {
    allowed_regions = ["CH"]
    denied_regions  = ["AQ"]
  }
  expect_failures = [var.denied_regions]
}

run "an_address_without_its_length" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { allowed_ip_ranges = ["203.0.113.7"] }
  expect_failures = [var.allowed_ip_ranges]
}

run "a_network_twice" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { allowed_ip_ranges = ["203.0.113.0/24", "203.0.113.0/24"] }
  expect_failures = [var.allowed_ip_ranges]
}

run "an_unknown_rule_set" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { waf = { sqli = 1 } }
  expect_failures = [var.waf]
}

run "too_sensitive" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { waf = { "sqli-v33-stable" = 5 } }
  expect_failures = [var.waf]
}

run "no_log" {
  command = plan
  module { source = "./modules/public_edge" }
  variables { log_sample_rate = 0 }
  expect_failures = [var.log_sample_rate]
}
