"""How people and programs reach mlxk: cli (Fire), http (Flask), worker (the engine process)."""
