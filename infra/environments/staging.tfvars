environment = "staging"

models = {
  digits = {
    models        = ["digits@staging", "digits@candidate"] # the second is what a delivery tests
    max_instances = 5
  }
}
