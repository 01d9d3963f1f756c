//! Kinds of bad files, for all who have to refuse them.

/// A bad file and what is said about it.
pub(crate) struct Bad {
    pub(crate) what: &'static str,
    /// What follows on [`HEAD`].
    pub(crate) text: &'static str,
    /// `LINE:COLUMN: error[CODE]` of each mistake.
    pub(crate) mistakes: &'static [&'static str],
}

/// What every one of them begins with.
pub(crate) const HEAD: &str = "[stack]\nname = \"bad\"\n";

/// One of each kind.
pub(crate) const BAD: [Bad; 11] = [
    Bad {
        what: "unknown key",
        text: "[services.web]\nimage = \"a\"\nrestrat = \"no\"\n",
        mistakes: &["5:1: error[unknown-key]"],
    },
    Bad {
        what: "wrong type",
        text: "[services.web]\nimage = \"a\"\nprivileged = \"often\"\n",
        mistakes: &["5:14: error[wrong-type]"],
    },
    Bad {
        what: "bad reference",
        text: "[services.web]\nimage = \"a\"\ndepends_on = [\"databse\"]\n[services.database]\nimage = \"a\"\n",
        mistakes: &["5:15: error[unknown-service]"],
    },
    Bad {
        what: "cycle in services",
        text: "[services.a]\nimage = \"a\"\ndepends_on = [\"b\"]\n[services.b]\nimage = \"b\"\ndepends_on = [\"a\"]\n",
        mistakes: &[": error[dependency-cycle]"],
    },
    Bad {
        what: "cycle in tasks",
        text: "[dags.d.tasks.a]\nbash = \"true\"\nafter = [\"b\"]\n[dags.d.tasks.b]\nbash = \"true\"\nafter = [\"a\"]\n",
        mistakes: &[": error[dependency-cycle]"],
    },
    Bad {
        what: "duplicate port",
        text: "[services.a]\nimage = \"a\"\nports = [\"8080:80\"]\n[services.b]\nimage = \"b\"\nports = [\"8080:81\"]\n",
        mistakes: &["8:10: error[port-taken-twice]"],
    },
    Bad {
        what: "bad image",
        text: "[services.a]\nimage = \"Not An Image:\"\n",
        mistakes: &["4:9: error[bad-image]"],
    },
    Bad {
        what: "bad duration",
        text: "[services.a]\nimage = \"a\"\nstop_grace_period = \"10 parsecs\"\n",
        mistakes: &["5:21: error[bad-duration]"],
    },
    Bad {
        what: "bad cron",
        text: "[dags.d]\nschedule = \"0 25 * * *\"\n[dags.d.tasks.a]\nbash = \"true\"\n",
        mistakes: &["4:1", "error[bad-cron]"],
    },
    Bad {
        what: "unset variable",
        text: "[services.a]\nimage = \"a\"\nenvironment = { A = \"${NOWHERE}\", B = \"${NEITHER:?say it}\" }\n",
        mistakes: &[
            "NOWHERE",
            "NEITHER",
            "5:24: error[unset-variable]",
            "5:42: error[unset-variable]",
        ],
    },
    Bad {
        what: "two mistakes at once",
        text: "[services.a]\nimage = \"a\"\nrestrat = \"no\"\nstop_grace_period = \"soon\"\n",
        mistakes: &["5:1: error[unknown-key]", "6:21: error[bad-duration]"],
    },
];
