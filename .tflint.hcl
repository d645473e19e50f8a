# Every rule that tflint brings for Terraform itself. The rules for Google's provider are a plug-in
# that is downloaded; what they look for, Terraform checks against the provider's schema in the tests.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
