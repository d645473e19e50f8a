# Copy and edit. `docker buildx imagetools inspect python:3.12` tells what DIGEST is, and
# `gh api repos/OWNER/NAME --jq '.id, .owner.id'` the numbers of the repository and its owner.
environments = {
  staging = {
    project_id = "example-staging"
    github     = { repository_id = "123456789", owner_id = "1234567", ref = "refs/heads/main" }

    # docs/7-deploy.md made the bucket of the state by hand.
    import_state = true

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
    project_id  = "example-prod"
    from        = "staging"
    github      = { repository_id = "123456789", owner_id = "1234567", ref = "refs/tags/v*" }
    approvers   = { releases = "group:releases@example.com" }
    rollbackers = { on_call = "group:on-call@example.com" }
    signing     = true
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
