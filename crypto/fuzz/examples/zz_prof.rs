use veritally_crypto::record::RecordState;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::ballot::*;
fn main(){ let e=veritally_fuzz::election(); for _ in 0..3 { let mut st=RecordState::start(&e.entries[0]).unwrap(); let mut log=vec![e.entries[0].clone()];
 for b in &e.entries[1..] { let t=std::time::Instant::now(); let leaf=Leaf::parse(b).unwrap(); let n=leaf.type_name().to_owned();
  if let Leaf::Ballot(_)=leaf { let ba=EncryptedBallot::parse(b).unwrap(); let s=st.superseded(&ba).map(|i| log[i as usize].clone()); let v=VerifiedBallot::trust_stored(ba).unwrap(); st.apply_ballot(&v,s.as_deref()).unwrap(); } else { st.apply(&leaf,b).unwrap(); }
  log.push(b.clone()); println!("{n} {:?}", t.elapsed()); } println!(); } }
