output "urls" {
  description = "Where each function answers."
  value       = { for name, function in local.endpoints : name => function.url }
}

output "functions" {
  description = "Where each function answers: its url, and the url in each of its regions."
  value = {
    for name, function in local.endpoints : name => {
      url = function.url
      regions = {
        for region in local.regions[name] : region => region == var.region ? function.url : module.service["${name} ${region}"].url
      }
    }
  }
}

output "curl" {
  description = "A first question to each function, as you."
  value = {
    for name, function in local.endpoints :
    name => "curl -H \"Authorization: Bearer $(gcloud auth print-identity-token)\" ${function.url}/"
  }
}

output "registry" {
  description = "What `python -m model_export export --registry …` takes."
  value       = module.models.registry
}

output "service_accounts" {
  description = "What each function runs as."
  value       = { for name, function in local.endpoints : name => function.service_account }
}

output "environments" {
  description = "The environment variables of each function, without secrets."
  value       = { for name, function in local.endpoints : name => function.environment }
}

output "console" {
  description = "Pages of the Cloud console, for each function in each of its regions."
  value = {
    for name, function in local.endpoints : name => {
      for region in local.regions[name] : region => {
        metrics = "https://console.cloud.google.com/run/detail/${region}/${function.name}/metrics?project=${var.project_id}"
        logs    = "https://console.cloud.google.com/run/detail/${region}/${function.name}/logs?project=${var.project_id}"
      }
    }
  }
}

output "public_edge" {
  description = "The load balancer's address, the records to set in DNS, and the certificate of each name; null without public_edge."
  value = one([
    for edge in module.edge : { address = edge.address, dns_records = edge.dns_records, certificates = edge.certificates }
  ])
}

output "audiences" {
  description = "What an identity token must be made out to, for each public name and path: the name itself where a service answers, and else the function's own URL, because a function knows no other."
  value = var.public_edge == null ? {} : merge([
    for host, routes in var.public_edge.hosts : {
      for path, name in merge(routes.paths, routes.function == null ? {} : { "" = routes.function }) :
      "https://${host}${path}" => contains(keys(local.run_services), name) ? "https://${host}${path}" : local.endpoints[name].url
    }
  ]...)
}

output "dashboard" {
  description = "The page of the Cloud console that shows all functions; null with monitoring.enabled = false."
  value       = one(module.monitoring[*].dashboard_url)
}

output "alerts" {
  description = "The alert policies: function and alert."
  value       = flatten(module.monitoring[*].alerts)
}

output "release" {
  description = "The commit and the bundle that were applied last, as the pipeline gave them; null if somebody applied by hand."
  value       = var.release
}
