//! The label values of storage and of databases.

use crate::values::label_values;

label_values! {
    /// What is done with storage.
    pub enum StorageOperation {
        /// Something is read.
        Read = "read",
        /// Something is written.
        Write = "write",
        /// Something is removed.
        Delete = "delete",
        /// It is asked what there is.
        List = "list",
        /// Anything else.
        Other = "other",
    }
    else Other
}

label_values! {
    /// What is done with a database.
    pub enum QueryOperation {
        /// Rows are read.
        Select = "select",
        /// Rows are added.
        Insert = "insert",
        /// Rows are changed.
        Update = "update",
        /// Rows are removed.
        Delete = "delete",
        /// Anything else.
        Other = "other",
    }
    else Other
}
