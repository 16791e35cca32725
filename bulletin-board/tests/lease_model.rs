//! A model of several nodes on one database (specs/many-nodes.md), explored exhaustively: every order of steps, crashes,
//! messages that arrive late, twice or never, leases that run out at any moment. Nodes never notice by themselves that
//! their lease is over: a sleeping process is one that takes no step for a while.
//!
//! Steps have the names of the functions in the code. What must hold is in [`World::violation`]; and each rule that is
//! left out must lead to a violation, else it would be none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

type Ballot = u8;
type NodeNumber = usize;

/// The rules of the protocol; all hold in the code.
#[derive(Clone, Copy)]
struct Rules {
    /// `append` and `refuse` compare the epoch.
    epoch: bool,
    /// They compare the size.
    size: bool,
    /// The inbox has an entry once.
    inbox_unique: bool,
    /// A node that does not know whether its append was committed goes on only with a new epoch.
    new_epoch_after_doubt: bool,
}

const ALL: Rules = Rules { epoch: true, size: true, inbox_unique: true, new_epoch_after_doubt: true };

/// How much is explored.
#[derive(Clone, Copy)]
struct Bounds {
    nodes: usize,
    ballots: Ballot,
    epochs: u8,
    crashes: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Database {
    epoch: u8,
    size: u8,
    /// Rows, with their index: nothing here forbids an index twice.
    leaves: Vec<(u8, Ballot)>,
    /// Whose lease has not run out.
    holder: Option<NodeNumber>,
    inbox: Vec<Ballot>,
}

impl Database {
    fn log(&self) -> Vec<Ballot> {
        self.leaves.iter().map(|&(_, ballot)| ballot).collect()
    }
}

/// An append on its way to the database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Append {
    /// Who still waits for the answer.
    answer_to: Option<NodeNumber>,
    size: u8,
    epoch: u8,
    ballots: Vec<Ballot>,
    arrived_once: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Node {
    log: Vec<Ballot>,
    /// The epoch in which it believes to sequence.
    leads: Option<u8>,
    /// What it sent and has no answer to.
    under_way: Option<Vec<Ballot>>,
    /// Whether that was committed, once the answer is there.
    answer: Option<bool>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    database: Database,
    nodes: Vec<Node>,
    network: Vec<Append>,
    crashes: u8,
    /// What voters were told: a receipt with this index.
    acknowledged: BTreeSet<(Ballot, u8)>,
    /// What voters were told: refused.
    refused: BTreeSet<Ballot>,
    /// Signed checkpoints that anybody saw, by size.
    served: BTreeMap<usize, BTreeSet<Vec<Ballot>>>,
}

impl World {
    fn new(bounds: Bounds) -> Self {
        let database = Database { epoch: 0, size: 0, leaves: vec![], holder: None, inbox: vec![] };
        Self {
            database,
            nodes: vec![Node::default(); bounds.nodes],
            network: vec![],
            crashes: 0,
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            served: BTreeMap::new(),
        }
    }

    fn violation(&self) -> Option<&'static str> {
        let leaves = &self.database.leaves;
        let indexes: BTreeSet<_> = leaves.iter().map(|(index, _)| index).collect();
        let ballots: BTreeSet<_> = leaves.iter().map(|(_, ballot)| *ballot).collect();
        if indexes.len() != leaves.len() {
            return Some("an index twice");
        }
        if ballots.len() != leaves.len() {
            return Some("a ballot twice");
        }
        if self.served.values().any(|logs| logs.len() > 1) {
            return Some("two checkpoints of one size");
        }
        if self.acknowledged.iter().any(|(ballot, index)| !leaves.contains(&(*index, *ballot))) {
            return Some("an acknowledged ballot is lost");
        }
        if self.refused.iter().any(|ballot| ballots.contains(ballot)) {
            return Some("a refused ballot is in the log");
        }
        None
    }

    /// A node knows this log to be committed: it serves the checkpoint and gives receipts.
    fn publish(&mut self, log: &[Ballot]) {
        self.served.entry(log.len()).or_default().insert(log.to_vec());
        self.acknowledged.extend(log.iter().zip(0..).map(|(&ballot, index)| (ballot, index)));
    }

    fn compare(&self, rules: Rules, size: u8, epoch: u8) -> bool {
        (!rules.size || size == self.database.size) && (!rules.epoch || epoch == self.database.epoch)
    }

    /// All that can happen next.
    fn next(&self, rules: Rules, bounds: Bounds) -> Vec<Self> {
        let mut worlds = vec![];
        let mut step = |act: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            act(&mut world);
            // Their order in the network means nothing.
            world.network.sort_unstable();
            worlds.push(world);
        };
        if self.database.holder.is_some() {
            // The lease runs out.
            step(&|world| world.database.holder = None);
        }
        for message in 0..self.network.len() {
            step(&|world| drop(world.network.remove(message)));
            step(&|world| world.append(rules, message, true));
            if !self.network[message].arrived_once {
                step(&|world| world.append(rules, message, false));
            }
        }
        for (n, node) in self.nodes.iter().enumerate() {
            if self.crashes < bounds.crashes {
                step(&|world| world.crash(n));
            }
            if node.under_way.is_some() {
                step(&|world| world.doubt(rules, n));
                if node.answer.is_some() {
                    step(&|world| world.answered(n));
                }
                continue;
            }
            let Some(epoch) = node.leads else {
                step(&|world| world.catch_up(n));
                if self.database.holder.is_none() && self.database.epoch < bounds.epochs {
                    step(&|world| world.lease(n));
                }
                for ballot in 0..bounds.ballots {
                    if self.may_offer(rules, ballot) {
                        step(&|world| world.database.inbox.push(ballot));
                    }
                }
                continue;
            };
            let fresh = |ballot: &Ballot| !node.log.contains(ballot) && !self.refused.contains(ballot);
            for ballot in (0..bounds.ballots).filter(fresh) {
                step(&|world| world.send(n, epoch, vec![ballot]));
            }
            let waiting: Vec<Ballot> = self.database.inbox.iter().copied().filter(fresh).take(2).collect();
            if !waiting.is_empty() {
                step(&|world| world.send(n, epoch, waiting.clone()));
                step(&|world| world.refuse(rules, n, epoch, waiting[0]));
            }
        }
        worlds
    }

    fn may_offer(&self, rules: Rules, ballot: Ballot) -> bool {
        let copies = self.database.inbox.iter().filter(|&&other| other == ballot).count();
        let most = if rules.inbox_unique { 1 } else { 2 };
        copies < most && !self.database.log().contains(&ballot) && !self.refused.contains(&ballot)
    }

    fn lease(&mut self, n: NodeNumber) {
        self.database.epoch += 1;
        self.database.holder = Some(n);
        let log = self.database.log();
        self.publish(&log);
        self.nodes[n] = Node { log, leads: Some(self.database.epoch), ..Node::default() };
    }

    fn catch_up(&mut self, n: NodeNumber) {
        self.nodes[n].log = self.database.log();
        let log = self.nodes[n].log.clone();
        self.publish(&log);
    }

    fn send(&mut self, n: NodeNumber, epoch: u8, ballots: Vec<Ballot>) {
        let size = u8::try_from(self.nodes[n].log.len()).unwrap();
        self.nodes[n].under_way = Some(ballots.clone());
        self.network.push(Append { answer_to: Some(n), size, epoch, ballots, arrived_once: false });
    }

    /// The message arrives, perhaps not for the last time.
    fn append(&mut self, rules: Rules, message: usize, last: bool) {
        let Append { answer_to, size, epoch, ballots, .. } = self.network[message].clone();
        if last {
            self.network.remove(message);
        } else {
            self.network[message].arrived_once = true;
            self.network[message].answer_to = None;
        }
        let committed = self.compare(rules, size, epoch);
        if committed {
            self.database.inbox.retain(|ballot| !ballots.contains(ballot));
            self.database.leaves.extend((size..).zip(ballots.iter().copied()));
            self.database.size = size + u8::try_from(ballots.len()).unwrap();
        }
        if let Some(n) = answer_to {
            self.nodes[n].answer = Some(committed);
        }
    }

    fn answered(&mut self, n: NodeNumber) {
        let (ballots, committed) = (self.nodes[n].under_way.take().unwrap(), self.nodes[n].answer.take().unwrap());
        if committed {
            self.nodes[n].log.extend(ballots);
            let log = self.nodes[n].log.clone();
            self.publish(&log);
        } else {
            self.nodes[n].leads = None;
        }
    }

    fn stop_waiting(&mut self, n: NodeNumber) {
        self.network.iter_mut().filter(|append| append.answer_to == Some(n)).for_each(|a| a.answer_to = None);
        (self.nodes[n].under_way, self.nodes[n].answer) = (None, None);
    }

    /// No answer came, or an error: what was committed only the database knows.
    fn doubt(&mut self, rules: Rules, n: NodeNumber) {
        self.stop_waiting(n);
        if rules.new_epoch_after_doubt {
            self.nodes[n].leads = None;
            if self.database.holder == Some(n) {
                self.database.holder = None;
            }
        }
        self.catch_up(n);
    }

    fn refuse(&mut self, rules: Rules, n: NodeNumber, epoch: u8, ballot: Ballot) {
        let size = u8::try_from(self.nodes[n].log.len()).unwrap();
        if self.compare(rules, size, epoch) {
            self.database.inbox.retain(|&waiting| waiting != ballot);
            self.refused.insert(ballot);
        } else {
            self.nodes[n].leads = None;
        }
    }

    /// It comes back as another node, which the database does not take for the former.
    fn crash(&mut self, n: NodeNumber) {
        self.crashes += 1;
        self.stop_waiting(n);
        self.nodes[n] = Node::default();
        if self.database.holder == Some(n) {
            self.database.holder = Some(self.nodes.len());
        }
    }
}

/// Breadth first: the number of states, or the first violation.
fn explore(rules: Rules, bounds: Bounds) -> Result<usize, &'static str> {
    let first = World::new(bounds);
    let (mut seen, mut queue) = (HashSet::from([first.clone()]), VecDeque::from([first]));
    while let Some(world) = queue.pop_front() {
        for next in world.next(rules, bounds) {
            if let Some(violation) = next.violation() {
                return Err(violation);
            }
            if !seen.contains(&next) {
                seen.insert(next.clone());
                queue.push_back(next);
            }
        }
    }
    Ok(seen.len())
}

const TWO: Bounds = Bounds { nodes: 2, ballots: 2, epochs: 2, crashes: 1 };

/// More epochs in soak.
fn explore_safely(bounds: Bounds) {
    let soak = std::env::var("VERITALLY_SOAK").is_ok_and(|soak| soak == "1");
    let states = explore(ALL, if soak { Bounds { epochs: 3, ..bounds } } else { bounds }).unwrap();
    println!("{states} states");
    assert!(states > 1_000, "{states}");
}

#[test]
fn two_nodes_lose_nothing_double_nothing_and_fork_nothing() {
    explore_safely(TWO);
}

#[test]
fn three_nodes_lose_nothing_double_nothing_and_fork_nothing() {
    explore_safely(Bounds { nodes: 3, ballots: 1, ..TWO });
}

#[test]
fn without_the_epoch_a_sleepers_late_append_contradicts_a_refusal() {
    assert_eq!(explore(Rules { epoch: false, ..ALL }, TWO), Err("a refused ballot is in the log"));
}

#[test]
fn without_the_size_an_append_that_arrives_twice_gives_an_index_twice() {
    assert_eq!(explore(Rules { size: false, ..ALL }, TWO), Err("an index twice"));
}

#[test]
fn without_uniqueness_a_ballot_sent_through_two_nodes_is_there_twice() {
    assert_eq!(explore(Rules { inbox_unique: false, ..ALL }, TWO), Err("a ballot twice"));
}

#[test]
fn with_the_old_epoch_after_an_unknown_outcome_a_late_append_contradicts_a_refusal() {
    let rules = Rules { new_epoch_after_doubt: false, ..ALL };
    assert_eq!(explore(rules, TWO), Err("a refused ballot is in the log"));
}
