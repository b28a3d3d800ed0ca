//! Large and hostile files, messages and answers of nodes.
