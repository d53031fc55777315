"""What deploys Sluice to Azure: Bicep, hooks, and the checks that run without Azure."""
