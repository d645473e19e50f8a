#!/bin/sh
# Copies Terraform from its own image to a folder that later steps have on their PATH.
#
# It is the one step without bash, which Terraform's image does not have; the image with gcloud, in
# which plan and apply run, has no Terraform.
#
# Environment: TOOLS, the folder.
# Exit codes: 0 done; anything else, it is not there.
set -eu
mkdir -p "$TOOLS"
cp "$(command -v terraform)" "$TOOLS/terraform"
