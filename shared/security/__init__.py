"""Who calls, and what they may do. Knows nothing of Azure Functions: headers in, a caller or an error out."""
