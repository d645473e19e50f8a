# Copy and edit. `docker buildx imagetools inspect python:3.12` tells what DIGEST is.
environments = {
  staging = {
    project_id = "example-staging"
    github     = { repository = "example/tflite-functions", ref = "refs/heads/main" }
    trigger = {
      repository = "projects/example-staging/locations/europe-west1/connections/github/repositories/tflite-functions"
      branch     = "^main$"
      images = {
        python    = "python:3.12@sha256:DIGEST"
        gcloud    = "google/cloud-sdk:stable@sha256:DIGEST"
        terraform = "hashicorp/terraform:1.11.4@sha256:DIGEST"
      }
      substitutions = { _RECIPE = "flowers/recipe.toml", _SOURCES = "gs://example-staging-delivery/sources/flowers" }
    }
  }
  prod = {
    project_id = "example-prod"
    from       = "staging"
    github     = { repository = "example/tflite-functions", ref = "refs/tags/v*" }
    approvers  = { releases = "group:releases@example.com" }
    trigger = {
      repository        = "projects/example-prod/locations/europe-west1/connections/github/repositories/tflite-functions"
      tag               = "^v"
      approval_required = true
      images = {
        python    = "python:3.12@sha256:DIGEST"
        gcloud    = "google/cloud-sdk:stable@sha256:DIGEST"
        terraform = "hashicorp/terraform:1.11.4@sha256:DIGEST"
      }
      substitutions = { _RECIPE = "flowers/recipe.toml", _ALIAS = "production" }
    }
  }
}
