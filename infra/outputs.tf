output "urls" {
  description = "Where each function answers."
  value       = { for name, function in module.function : name => function.url }
}

output "curl" {
  description = "A first question to each function, as you."
  value = {
    for name, function in module.function :
    name => "curl -H \"Authorization: Bearer $(gcloud auth print-identity-token)\" ${function.url}/"
  }
}

output "registry" {
  description = "What `python -m model_export export --set publish.registry=…` takes."
  value       = module.models.registry
}

output "service_accounts" {
  description = "What each function runs as."
  value       = { for name, function in module.function : name => function.service_account }
}

output "environments" {
  description = "The environment variables of each function, without secrets."
  value       = { for name, function in module.function : name => function.environment }
}

output "console" {
  description = "Pages of the Cloud console, for each function."
  value = {
    for name, function in module.function : name => {
      metrics = "https://console.cloud.google.com/run/detail/${var.region}/${function.name}/metrics?project=${var.project_id}"
      logs    = "https://console.cloud.google.com/run/detail/${var.region}/${function.name}/logs?project=${var.project_id}"
    }
  }
}
