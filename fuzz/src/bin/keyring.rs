//! A keyring, unwrapped, and what is derived of it.
#![no_main]

use engine::format::keyslot::KeyringSecrets;
use engine::ids::VaultId;
use engine::seal::Keyring;
use fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let read = |bytes: &[u8]| minicbor::decode::<KeyringSecrets>(bytes);
    let Ok(secrets) = bounded(data, 0, read) else {
        return;
    };
    let written = minicbor::to_vec(&secrets).expect("it is written");
    let again: KeyringSecrets = minicbor::decode(&written).expect("what was written is read");
    assert_eq!(minicbor::to_vec(&again).expect("it is written"), written);
    if !secrets.epochs.is_empty() {
        let keys = Keyring::new(VaultId([1; 16]), secrets);
        let _ = keys.epoch();
    }
});
