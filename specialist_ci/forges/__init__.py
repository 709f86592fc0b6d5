"""GitHub and GitLab: what a pull request is told, and how."""
