"""Files and standards in and out: ledgers (CSV, Excel, JSON lines), OCDS; knows the engine only."""
