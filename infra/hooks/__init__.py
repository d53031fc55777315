"""What azd runs around a deployment. azure.yaml names the scripts; each can be run by hand, too."""
