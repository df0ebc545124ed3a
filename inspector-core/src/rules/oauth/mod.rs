//! OAU-…: OAuth flows. Reported; they do not move the outcome of server-to-server profiles.

super::rules![];
