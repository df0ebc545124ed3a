//! JWT-…: tokens by themselves, whoever uses them. Reported; they do not move the outcome of server-to-server profiles.

super::rules![];
