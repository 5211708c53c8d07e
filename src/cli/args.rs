//! Arguments. The help teaches by example.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::base::units::parse_duration;
use crate::model::experiment::Profile;

/// Puts the rules of thumb of system design to the test, on real stores, on this machine.
#[derive(Debug, Parser)]
#[command(name = "ballpark", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ballpark quick --install                  install what is missing, then measure twelve rules in under five minutes
  ballpark run cache-read-latency           one rule, 5 s trials
  ballpark run schema --profile thorough    a group or suite, longer and with more rounds
  ballpark run my-rule.toml --dry-run       what a file of yours would do: nodes, memory, trials, time
  ballpark show durability-fsync            the claim, and the file that tests it
  ballpark report reports/RUN               analyse a run again, and draw its report
  ballpark up postgres-single               servers to look at by hand; `ballpark down --all` ends them

Exit codes: 0 everything asked for was judged; 1 --strict and a rule was refuted; 2 bad input; 3 a store is missing or could
not start; 4 no valid trial; 130 interrupted, what was measured is kept.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure what this machine can run, in under five minutes
    #[command(after_help = "Examples:\n  ballpark quick\n  ballpark quick --install --out /data/reports")]
    Quick(Quick),
    /// Run rules, groups, suites or files
    #[command(after_help = "Examples:
  ballpark run sql-nosql-lookup
  ballpark run schema durability --stores postgres,sqlite
  ballpark run capacity-core-lookup --set load.closed.sessions=64 --set keys.count=1M --trials 9
  ballpark run my-rule.toml --seed 7 --strict")]
    Run(Run),
    /// List rules, suites, topologies or stores
    List(List),
    /// Show a rule: its claim, and the file that tests it
    Show {
        /// Id of a rule, such as durability-fsync
        rule: String,
    },
    /// Check rule files without running them
    Check {
        /// TOML files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Analyse runs again and draw their reports
    Report {
        /// Run directories
        #[arg(required = true)]
        runs: Vec<PathBuf>,
    },
    /// What this machine is, which stores were found, and what to mend
    Doctor {
        /// As JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Install stores: PostgreSQL, Redis and Java by the package manager, Cassandra's jars by Maven
    #[command(after_help = "Examples:\n  ballpark install\n  ballpark install postgres redis")]
    Install {
        /// postgres, redis, cassandra; all if none is named
        stores: Vec<String>,
    },
    /// Start the servers of a topology and leave them running
    #[command(after_help = "Example:\n  ballpark up redis-single && ballpark ps && ballpark down --all")]
    Up {
        /// Name of a topology; see `ballpark list topologies`
        topology: String,
        /// As JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// List what `up` left running
    Ps {
        /// As JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// End what `up` left running
    Down {
        /// Its id, as `ballpark ps` prints it
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// All of them
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Print the JSON schema of rule files or of results.json
    Schema {
        /// Which schema
        #[arg(value_enum, default_value_t = SchemaOf::Rules)]
        what: SchemaOf,
    },
    /// Print a completion script
    #[command(after_help = "Example:\n  ballpark completions bash > /etc/bash_completion.d/ballpark")]
    Completions {
        /// Shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Hold the nodes of `up` until told to end
    #[command(hide = true)]
    Hold {
        /// State directory
        directory: PathBuf,
        /// Id
        id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The format of rule files
    Rules,
    /// The format of results.json
    Results,
}

#[derive(Debug, Clone, ClapArgs)]
pub struct Quick {
    /// Install what is missing first
    #[arg(long)]
    pub install: bool,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, ClapArgs)]
pub struct Run {
    /// Ids of rules, groups, suites, or TOML files
    #[arg(required = true)]
    pub targets: Vec<String>,
    /// Lengths and rounds: quick (0.5 s trials), standard (5 s), thorough (15 s, more rounds)
    #[arg(long, value_enum, default_value_t = ProfileArg::Standard)]
    pub profile: ProfileArg,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, ClapArgs)]
pub struct Common {
    /// Rounds; an interval needs 5 to decide
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub trials: Option<u32>,
    /// Measured part of a trial, such as 2s
    #[arg(long, value_name = "T", value_parser = positive)]
    pub duration: Option<Duration>,
    /// Longest warm-up of a variant
    #[arg(long, value_name = "T", value_parser = positive)]
    pub warmup: Option<Duration>,
    /// Seed: the same file and seed give the same operations
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Only these stores: postgres, redis, cql, sqlite
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub stores: Option<Vec<String>>,
    /// Who starts servers
    #[arg(long, value_enum, default_value_t = Provider::Auto)]
    pub provider: Provider,
    /// Change a key of every rule's workload, such as keys.count=50k
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Directory for run directories
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub out: PathBuf,
    /// Exit with 1 if a rule is refuted
    #[arg(long)]
    pub strict: bool,
    /// Print the plan and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the servers' data after the run
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// The local one
    Auto,
    /// Child processes of ballpark
    Local,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    Quick,
    Standard,
    Thorough,
}

impl ProfileArg {
    pub const fn profile(self) -> Profile {
        match self {
            ProfileArg::Quick => Profile::Quick,
            ProfileArg::Standard => Profile::Standard,
            ProfileArg::Thorough => Profile::Thorough,
        }
    }
}

#[derive(Debug, Clone, ClapArgs)]
pub struct List {
    /// What to list
    #[arg(value_enum, default_value_t = Listed::Rules)]
    pub what: Listed,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    Rules,
    Suites,
    Topologies,
    Stores,
}

fn positive(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("must be longer than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
