//! Commands, views and error types between the shell and the web UI.
