# What Google would give back, in its real form: the provider validates what one resource takes from
# another, mocked or not. One entry for each computed attribute that the configuration refers to.

mock_data "google_cloud_run_v2_service" {
  defaults = {
    latest_ready_revision = "digits-00001-abc"
    terminal_condition    = [{ state = "CONDITION_SUCCEEDED" }]
  }
}
mock_data "google_cloudfunctions2_function" {
  defaults = { state = "ACTIVE" }
}
mock_data "google_project" {
  defaults = { number = "123456789012" }
}
mock_data "google_storage_project_service_account" {
  defaults = {
    member = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
  }
}
mock_resource "google_cloud_run_v2_service" {
  defaults = {
    id  = "projects/example-project/locations/europe-west1/services/digits"
    uri = "https://digits-abc-ew.a.run.app"
  }
}
mock_resource "google_cloudfunctions2_function" {
  defaults = {
    id             = "projects/example-project/locations/europe-west1/functions/digits"
    service_config = { uri = "https://digits-abc-ew.a.run.app" }
  }
}
mock_resource "google_compute_backend_service" {
  defaults = { id = "projects/example-project/global/backendServices/digits" }
}
mock_resource "google_compute_global_address" {
  defaults = {
    id      = "projects/example-project/global/addresses/predictions"
    address = "203.0.113.10"
  }
}
mock_resource "google_compute_managed_ssl_certificate" {
  defaults = { id = "projects/example-project/global/sslCertificates/predictions" }
}
mock_resource "google_compute_region_network_endpoint_group" {
  defaults = { id = "projects/example-project/regions/europe-west1/networkEndpointGroups/digits" }
}
mock_resource "google_compute_security_policy" {
  defaults = { id = "projects/example-project/global/securityPolicies/predictions" }
}
mock_resource "google_compute_ssl_policy" {
  defaults = { id = "projects/example-project/global/sslPolicies/predictions" }
}
mock_resource "google_compute_target_http_proxy" {
  defaults = { id = "projects/example-project/global/targetHttpProxies/predictions" }
}
mock_resource "google_compute_target_https_proxy" {
  defaults = { id = "projects/example-project/global/targetHttpsProxies/predictions" }
}
mock_resource "google_compute_url_map" {
  defaults = { id = "projects/example-project/global/urlMaps/predictions" }
}
mock_resource "google_iam_workload_identity_pool" {
  defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/github-prod" }
}
mock_resource "google_iam_workload_identity_pool_provider" {
  defaults = {
    name = "projects/123456789012/locations/global/workloadIdentityPools/github-prod/providers/github"
  }
}
mock_resource "google_monitoring_dashboard" {
  defaults = { id = "projects/123456789012/dashboards/0a1b2c3d" }
}
mock_resource "google_monitoring_notification_channel" {
  defaults = { id = "projects/example-project/notificationChannels/1234567890" }
}
mock_resource "google_monitoring_slo" {
  defaults = { name = "projects/123456789012/services/prod-digits/serviceLevelObjectives/availability" }
}
mock_resource "google_monitoring_uptime_check_config" {
  defaults = { uptime_check_id = "digits-ready-0a1b2c3d" }
}
mock_resource "google_project_iam_custom_role" {
  defaults = { id = "projects/example-project/roles/tfliteFunctionsPipeline" }
}
mock_resource "google_service_account" {
  defaults = {
    id     = "projects/example-project/serviceAccounts/a@example-project.iam.gserviceaccount.com"
    name   = "projects/example-project/serviceAccounts/a@example-project.iam.gserviceaccount.com"
    email  = "a@example-project.iam.gserviceaccount.com"
    member = "serviceAccount:a@example-project.iam.gserviceaccount.com"
  }
}
mock_resource "google_storage_bucket" {
  defaults = { id = "example-bucket" }
}
mock_resource "google_storage_bucket_object" {
  defaults = { generation = 1700000000000000 }
}
