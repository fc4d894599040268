"""CallerDesk and a CRM as they behave, for the demo, the dry run and the tests."""
