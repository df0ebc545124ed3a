//! Output for people: 80 columns, good without colour.

pub(crate) mod connections;
pub(crate) mod finding;
pub(crate) mod ladder;
pub(crate) mod place;
pub(crate) mod recordings;
pub(crate) mod report;
pub(crate) mod revealed;
pub(crate) mod summary;
pub(crate) mod token;
pub(crate) mod unread;
