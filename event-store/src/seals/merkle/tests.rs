use proptest::prelude::*;

use super::*;

fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_be_bytes())
}

/// RFC 6962, section 2.1, word for word.
fn reference(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let middle = leaves.len().next_power_of_two() / 2;
            node_hash(&reference(&leaves[..middle]), &reference(&leaves[middle..]))
        }
    }
}

/// A tree of so many leaves, sealed in steps: its tiles as they are stored, and its edge.
fn grown(steps: &[u64]) -> (Tiles, Edge) {
    let (mut stored, mut edge) = (Tiles::new(), Edge::default());
    for step in steps {
        for _ in 0..*step {
            edge.push(leaf(edge.size()));
        }
        stored.extend(edge.take_changed());
        edge = Edge::new(edge.size(), &stored).unwrap();
    }
    (stored, edge)
}

fn hashes(ranges: &[Range], tiles: &Tiles) -> Vec<Hash> {
    let wanted = tiles_of(ranges);
    let read: Tiles = wanted.iter().map(|id| (*id, tiles[id].clone())).collect();
    let hash = |range: &Range| range.hash(&read).unwrap();
    ranges.iter().map(hash).collect()
}

#[test]
fn known_answers() {
    let hex = |hash: Hash| hex::encode(hash);
    // From the test data of Certificate Transparency's reference implementation.
    assert_eq!(
        hex(empty_root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        hex(leaf_hash(b"")),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    let inputs: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];
    let mut edge = Edge::default();
    for input in inputs {
        edge.push(leaf_hash(input));
    }
    assert_eq!(
        hex(edge.root()),
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    );
}

#[test]
fn every_proof_of_small_trees_holds_and_no_other_does() {
    for size in 1..=70 {
        let (tiles, edge) = grown(&[size]);
        let root = edge.root();
        for index in 0..size {
            let proof = hashes(&inclusion(index, size), &tiles);
            let rooted = |leaf: &Hash, index: u64, proof: &[Hash]| {
                root_of_inclusion(leaf, index, size, proof)
            };
            assert_eq!(rooted(&leaf(index), index, &proof), Some(root));
            assert_ne!(rooted(&leaf(index + 1), index, &proof), Some(root));
            let other = (index + 1) % size;
            assert!(size == 1 || rooted(&leaf(index), other, &proof) != Some(root));
            let longer = [proof.as_slice(), &[root]].concat();
            assert_ne!(rooted(&leaf(index), index, &longer), Some(root));
            if let Some((_, shorter)) = proof.split_last() {
                assert_ne!(rooted(&leaf(index), index, shorter), Some(root));
            }
        }
        for old in 1..=size {
            let old_root = Range::whole(old).hash(&tiles).unwrap();
            let proof = hashes(&consistency(old, size), &tiles);
            assert!(
                is_consistent(old, &old_root, size, &root, &proof),
                "{old} {size}"
            );
            assert!(!is_consistent(old, &leaf(9), size, &root, &proof));
            assert!(!is_consistent(old, &old_root, size, &leaf(9), &proof));
        }
    }
    assert_eq!(root_of_inclusion(&leaf(0), 0, 0, &[]), None);
    assert!(!is_consistent(0, &empty_root(), 1, &leaf(0), &[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tiles_make_the_tree_of_the_rfc(steps in prop::collection::vec(0_u64..900, 1..6), at in any::<prop::sample::Index>()) {
        let (tiles, edge) = grown(&steps);
        let size = edge.size();
        let leaves: Vec<_> = (0..size).map(leaf).collect();
        prop_assert_eq!(edge.root(), reference(&leaves));
        prop_assert_eq!(Range::whole(size).hash(&tiles).unwrap(), edge.root());
        if size > 0 {
            let index = to_u64(at.index(to_usize(size)));
            let proof = hashes(&inclusion(index, size), &tiles);
            prop_assert_eq!(root_of_inclusion(&leaf(index), index, size, &proof), Some(edge.root()));
            let old = index + 1;
            let old_root = reference(&leaves[..to_usize(old)]);
            let proof = hashes(&consistency(old, size), &tiles);
            prop_assert!(is_consistent(old, &old_root, size, &edge.root(), &proof));
        }
    }
}

#[test]
fn a_tree_of_three_levels_of_tiles_is_as_the_rfc_has_it() {
    let (tiles, edge) = grown(&[65_536, 1, 300]);
    let size = edge.size();
    let leaves: Vec<_> = (0..size).map(leaf).collect();
    assert_eq!(edge.root(), reference(&leaves));
    for index in [0, 255, 256, 65_535, 65_536, 65_792, size - 1] {
        let ranges = inclusion(index, size);
        assert!(tiles_of(&ranges).len() <= 6);
        let proof = hashes(&ranges, &tiles);
        assert_eq!(
            root_of_inclusion(&leaf(index), index, size, &proof),
            Some(edge.root())
        );
    }
}

#[test]
fn a_tile_that_is_not_there_is_named() {
    let (mut tiles, _) = grown(&[300]);
    let id = TileId { level: 0, index: 1 };
    tiles.remove(&id);
    assert_eq!(Range::whole(300).hash(&tiles), Err(Missing(id)));
    assert_eq!(Edge::new(300, &tiles).unwrap_err(), Missing(id));
}
