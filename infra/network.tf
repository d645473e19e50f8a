# Subnetworks of a host project (Shared VPC), which the service project's own account of Cloud Run
# must be allowed to use before an instance can send through one.

locals {
  host_subnetworks = !var.grant_shared_subnetworks ? toset([]) : toset([
    for model in values(var.models) : model.vpc.subnetwork
    if try(regex("^projects/([^/]+)/regions/[^/]+/subnetworks/[^/]+$", model.vpc.subnetwork)[0], var.project_id) != var.project_id
  ])
}

data "google_project" "this" {
  count = length(local.host_subnetworks) == 0 ? 0 : 1

  project_id = var.project_id
}

resource "google_compute_subnetwork_iam_member" "cloud_run" {
  for_each = local.host_subnetworks

  project    = split("/", each.value)[1]
  region     = split("/", each.value)[3]
  subnetwork = split("/", each.value)[5]
  role       = "roles/compute.networkUser"
  member     = "serviceAccount:service-${data.google_project.this[0].number}@serverless-robot-prod.iam.gserviceaccount.com"

  depends_on = [google_project_service.needed]
}
