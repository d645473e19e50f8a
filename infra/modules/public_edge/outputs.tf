output "address" {
  description = "Where the load balancer is."
  value       = google_compute_global_address.edge.address
}

output "dns_records" {
  description = "What to set in DNS; a managed certificate is issued once its name points here."
  value = {
    for host in keys(var.hosts) : host => { type = "A", name = "${host}.", data = google_compute_global_address.edge.address }
  }
}

output "certificates" {
  description = "The managed certificate of each host, whose state `gcloud compute ssl-certificates describe NAME --global` tells."
  value       = { for host, certificate in google_compute_managed_ssl_certificate.host : host => certificate.name }
}

output "security_policy" {
  description = "Id of the Cloud Armor policy, for backends of your own."
  value       = google_compute_security_policy.edge.id
}
