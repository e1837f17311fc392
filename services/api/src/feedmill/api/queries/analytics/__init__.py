"""The questions of `/v1/analytics`: one module each. Facts are de-duplicated (FINAL) before anything is counted."""
