SELECT projection, version, fold, state FROM versions WHERE state <> 'dropped' ORDER BY projection, version
