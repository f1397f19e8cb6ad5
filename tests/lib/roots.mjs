// node roots.mjs LOG CHECKPOINT...: each of these checkpoints (notes that the log signed once) is one of the tree whose tiles lie
// in LOG now: the Merkle root (RFC 6962) over so many of its first leaves is the checkpoint's. So they are all consistent with
// each other and with the present one. Leaves are hashed from the entries, and held against the tiles of level 0.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

const [log, ...notes] = process.argv.slice(2);
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const read = (path) => {
	const [, size, root] = readFileSync(path, 'utf8').split('\n');
	return { path, size: Number(size), root };
};
const tileName = (index) => {
	let name = String(index % 1000).padStart(3, '0');
	for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
		name = `x${String(rest % 1000).padStart(3, '0')}/${name}`;
	return name;
};
const tile = (level, index, width) => {
	const path = `${log}/tile/${level}/${tileName(index)}`;
	return readFileSync(width < 256 && existsSync(`${path}.p/${width}`) ? `${path}.p/${width}` : path);
};
const leaves = (size) => {
	const found = [];
	for (let index = 0; index * 256 < size; index++) {
		const width = Math.min(256, size - index * 256);
		const hashes = tile(0, index, width);
		const entries = tile('entries', index, width);
		for (let i = 0, at = 0; i < width; i++) {
			const end = at + 2 + entries.readUInt16BE(at);
			const leaf = sha256(Buffer.from([0]), entries.subarray(at + 2, end));
			if (!leaf.equals(hashes.subarray(32 * i, 32 * i + 32)))
				throw new Error(`entry ${index * 256 + i} is not the one in the tile`);
			found.push(leaf);
			at = end;
		}
	}
	return found;
};
const rootOf = (hashes) => {
	if (hashes.length < 2)
		return hashes[0] ?? sha256();
	let left = 1;
	while (left * 2 < hashes.length)
		left *= 2;
	return sha256(Buffer.from([1]), rootOf(hashes.slice(0, left)), rootOf(hashes.slice(left)));
};

const present = read(`${log}/checkpoint`);
const all = leaves(present.size);
const roots = new Map();
for (const { path, size, root } of [present, ...notes.map(read)]) {
	if (size > all.length)
		throw new Error(`${path} has ${size} entries and the log only ${all.length}: it was set back`);
	if (!roots.has(size))
		roots.set(size, rootOf(all.slice(0, size)).toString('base64'));
	if (roots.get(size) !== root)
		throw new Error(`${path}: the log of today has another root for ${size} entries`);
}
console.log(`${notes.length + 1} checkpoints of ${roots.size} sizes up to ${present.size}`);
