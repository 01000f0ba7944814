"""What survives an upgrade: files, numbers, trainings and exports between environments, and what each costs."""
