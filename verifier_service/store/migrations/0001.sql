-- Criteria, each once, however many candidates there are for it.
CREATE TABLE problems (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE, -- SHA-256 of `body`
  body BLOB NOT NULL        -- verifier_service.v1.Problem without its problem_id
);

CREATE TABLE verifications (
  id TEXT PRIMARY KEY,      -- sorts by creation time
  digest TEXT NOT NULL,
  request_id TEXT UNIQUE,   -- NULL where the caller gave none
  problem_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  state TEXT NOT NULL,
  over INTEGER NOT NULL,    -- 1: nothing will change any more
  outcome TEXT,             -- NULL without a verdict
  begun INTEGER NOT NULL,   -- times that it was written as running
  create_time REAL NOT NULL,
  end_time REAL,
  problem INTEGER NOT NULL REFERENCES problems (id),
  spec BLOB NOT NULL,       -- verifier_service.v1.VerificationSpec without its criterion
  verdict BLOB,             -- verifier_service.v1.Verdict
  error BLOB                -- google.rpc.Status
);

CREATE INDEX verifications_by_problem_id ON verifications (problem_id, id);
CREATE INDEX verifications_by_session_id ON verifications (session_id, id);
CREATE INDEX verifications_by_outcome ON verifications (outcome, id);
CREATE INDEX verifications_by_problem ON verifications (problem);
CREATE INDEX verifications_unfinished ON verifications (id) WHERE over = 0;

-- Verdicts that answer equal requests.
CREATE TABLE verdicts (
  digest TEXT PRIMARY KEY,
  verdict BLOB NOT NULL,
  used REAL NOT NULL        -- seconds since the epoch
);

CREATE INDEX verdicts_by_use ON verdicts (used);
