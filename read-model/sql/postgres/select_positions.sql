-- Where readers of this server are.
SELECT projection, position FROM live
