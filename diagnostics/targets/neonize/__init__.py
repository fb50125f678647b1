"""The kind `neonize`: sessions in a store on this machine, read passively, or looked at through the real client."""
