environment = "staging"

models = {
  digits = {
    models        = ["digits@staging"]
    max_instances = 5
  }
}
