terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45, < 8.0"
    }
  }

  # Where the state is: `terraform init -backend-config=backend.hcl`, see backend.hcl.example.
  backend "gcs" {}
}

provider "google" {
  project = var.project_id
  region  = var.region

  # Budgets are no project's, and Google refuses to answer people about them without a project to bill
  # the question to. Whoever applies needs serviceusage.services.use on it.
  user_project_override = var.monitoring.enabled && var.monitoring.budget != null
  billing_project       = var.project_id

  default_labels = {
    application = "tflite-functions"
    environment = var.environment
  }
}
