# What Google would answer, as far as outputs need it.

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = { uri = "https://digits-abc-ew.a.run.app" }
  }
}
mock_resource "google_service_account" {
  defaults = {
    id     = "projects/example-project/serviceAccounts/a@example-project.iam.gserviceaccount.com"
    email  = "a@example-project.iam.gserviceaccount.com"
    member = "serviceAccount:a@example-project.iam.gserviceaccount.com"
  }
}
mock_data "google_project" {
  defaults = { number = "123456789012" }
}
mock_resource "google_monitoring_dashboard" {
  defaults = { id = "projects/123456789012/dashboards/0a1b2c3d" }
}
