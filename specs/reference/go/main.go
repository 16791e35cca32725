// Checks a board with Go's reference packages for transparency logs, golang.org/x/mod/sumdb/note and tlog, which share no
// code with this project. Run by scripts/lib/interop; needs Debian's golang and golang-golang-x-mod-dev (GO111MODULE=off).
//
//	interop check URL ELECTION   the checkpoint, all tiles and entries, the inclusion proof of every receipt
//	interop witness FOLDER       a C2SP tlog-witness that cosigns what tlog.CheckTree accepts; writes FOLDER/witness.toml
//	                             (for an election's description) and FOLDER/url; reports consistency proofs on stdout
//
// What holds is altered, one bit at a time, and must then be refused.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func require(holds bool, what string, args ...any) {
	if !holds {
		must(fmt.Errorf(what, args...))
	}
}

func get(url string) []byte {
	answer, err := http.Get(url)
	must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(err)
	require(answer.StatusCode == 200, "%s: %s", url, answer.Status)
	return body
}

// The log's key, from its first entry.
func logKey(base string) (string, note.Verifier) {
	var manifest struct {
		Log struct {
			Key    []byte `json:"key"`
			Origin string `json:"origin"`
		} `json:"log"`
	}
	must(json.Unmarshal(get(base+"/manifest"), &manifest))
	vkey, err := note.NewEd25519VerifierKey(manifest.Log.Origin, ed25519.PublicKey(manifest.Log.Key))
	must(err)
	verifier, err := note.NewVerifier(vkey)
	must(err)
	return manifest.Log.Origin, verifier
}

// open verifies a checkpoint's signature with note.Open and reads its three lines (tlog.ParseTree wants another first line).
func open(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// refusesAltered flips bits of text and signature; none may be accepted.
func refusesAltered(signed []byte, verifier note.Verifier) {
	end := bytes.Index(signed, []byte("\n\n"))
	for i := 0; i < end; i++ {
		altered := append([]byte{}, signed...)
		altered[i] ^= 1
		_, err := open(altered, verifier)
		require(err != nil, "a checkpoint with byte %d altered is accepted", i)
	}
	line := bytes.SplitN(signed[end+2:], []byte("\n"), 2)[0]
	last := bytes.LastIndexByte(line, ' ')
	signature, err := base64.StdEncoding.DecodeString(string(line[last+1:]))
	must(err)
	for i := 4; i < len(signature); i++ {
		altered := append([]byte{}, signature...)
		altered[i] ^= 1
		text := base64.StdEncoding.EncodeToString(altered)
		_, err := open([]byte(strings.Replace(string(signed), string(line[last+1:]), text, 1)), verifier)
		require(err != nil, "a checkpoint with byte %d of its signature altered is accepted", i)
	}
}

// reader fetches tiles; tlog verifies them against the tree's hash.
type reader struct{ base string }

func (reader) Height() int                      { return 8 }
func (reader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data[i] = get(r.base + "/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
	}
	return data, nil
}

// entries reads the bundles: each entry has its length in two bytes before it.
func entries(base string, size int64) (all [][]byte) {
	for first := int64(0); first < size; first += 256 {
		tile := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(min(256, size-first))}
		bundle := get(base + "/" + strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	return all
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func check(base string) {
	_, verifier := logKey(base)
	signed := get(base + "/checkpoint")
	tree, err := open(signed, verifier)
	must(err)
	refusesAltered(signed, verifier)
	all := entries(base, tree.N)
	require(int64(len(all)) == tree.N, "%d entries, the checkpoint says %d", len(all), tree.N)
	hashes := tlog.TileHashReader(tree, reader{base})
	sizes := map[int64]bool{}
	for i, entry := range all {
		stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(i))})
		must(err)
		require(stored[0] == tlog.RecordHash(entry), "entry %d is not the tree's", i)
		sum := sha256.Sum256(entry)
		size := receipt(get(fmt.Sprintf("%s/receipts/%x", base, sum)), int64(i), entry, verifier)
		sizes[size] = true
	}
	// From every size at which a receipt was given to the newest: the prover is Go's, the tiles are ours.
	for size := range sizes {
		proof, err := tlog.ProveTree(tree.N, size, hashes)
		must(err)
		old, err := tlog.TreeHash(size, hashes)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, size, old))
	}
	fmt.Printf("Go accepts the checkpoint of %d entries, every tile and entry, %d receipts of trees of %d sizes\n",
		tree.N, len(all), len(sizes))
}

// receipt checks a C2SP tlog-proof with tlog.CheckRecord, and that altered it is refused.
func receipt(text []byte, index int64, entry []byte, verifier note.Verifier) int64 {
	head, signed, found := bytes.Cut(text, []byte("\n\n"))
	require(found, "entry %d: not a receipt", index)
	lines := strings.Split(string(head), "\n")
	require(lines[0] == "c2sp.org/tlog-proof@v1" && lines[1] == fmt.Sprint("index ", index), "entry %d: %s", index, head)
	tree, err := open(signed, verifier)
	must(err)
	proof := hashesOf(lines[2:])
	leaf := tlog.RecordHash(entry)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf))
	for i := range proof {
		proof[i][i%32] ^= 4
		require(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf) != nil, "an altered receipt of entry %d", index)
		proof[i][i%32] ^= 4
	}
	leaf[0] ^= 1
	require(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf) != nil, "another entry as number %d", index)
	leaf[0] ^= 1
	if index > 0 {
		require(tlog.CheckRecord(proof, tree.N, tree.Hash, index-1, leaf) != nil, "entry %d one lower", index)
	}
	return tree.N
}

func hashesOf(lines []string) []tlog.Hash {
	proof := []tlog.Hash{}
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	return proof
}

// A witness: per log what it cosigned last.
type witness struct {
	sync.Mutex
	name string
	key  ed25519.PrivateKey
	logs map[string]tlog.Tree
	// Logs are not configured: on first use the key is fetched from the board, as an operator would beforehand.
	board func() string
}

func (w *witness) id(kind byte) []byte {
	key := append([]byte{kind}, w.key.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(w.name+"\n"), key...))
	return sum[:4]
}

func (w *witness) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	w.Lock()
	defer w.Unlock()
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	head, signed, found := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	old, bad := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil || !found || bad != nil || !strings.HasSuffix(request.URL.Path, "/add-checkpoint") {
		http.Error(answer, "malformed", 400)
		return
	}
	origin, verifier := logKey(w.board())
	tree, err := open(signed, verifier)
	if err != nil {
		http.Error(answer, err.Error(), 403)
		return
	}
	last := w.logs[origin]
	if old != last.N {
		fmt.Printf("conflict: the board says %d, cosigned were %d\n", old, last.N)
		answer.Header().Set("content-type", "text/x.tlog.size")
		answer.WriteHeader(409)
		fmt.Fprintln(answer, last.N)
		return
	}
	proof := tlog.TreeProof(hashesOf(lines[1:]))
	switch {
	case last.N == 0:
	case last.N == tree.N && last.Hash == tree.Hash && len(proof) == 0:
	case tlog.CheckTree(proof, tree.N, tree.Hash, last.N, last.Hash) != nil:
		fmt.Printf("refused: %d is no continuation of %d\n", tree.N, last.N)
		http.Error(answer, "inconsistent", 422)
		return
	default:
		for i := range proof {
			proof[i][i%32] ^= 4
			altered := tlog.CheckTree(proof, tree.N, tree.Hash, last.N, last.Hash)
			require(altered != nil, "an altered proof from %d to %d", last.N, tree.N)
			proof[i][i%32] ^= 4
		}
		fmt.Printf("consistent: %d to %d, a proof of %d hashes\n", last.N, tree.N, len(proof))
	}
	w.logs[origin] = tree
	text := string(signed[:bytes.LastIndex(signed, []byte("\n\n"))+1])
	seconds := uint64(time.Now().Unix())
	line := binary.BigEndian.AppendUint64(w.id(4), seconds)
	line = append(line, ed25519.Sign(w.key, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)))...)
	fmt.Fprintf(answer, "\u2014 %s %s\n", w.name, base64.StdEncoding.EncodeToString(line))
}

func serve(folder string) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	// FOLDER/board holds the address of the election, once there is one.
	board := func() string {
		address, err := os.ReadFile(folder + "/board")
		must(err)
		return strings.TrimSpace(string(address))
	}
	w := &witness{name: "go.example/witness", key: key, logs: map[string]tlog.Tree{}, board: board}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	config := fmt.Sprintf("witness_quorum = 1\nwitnesses = [{ name = %q, key = %q }]\n", w.name,
		base64.StdEncoding.EncodeToString(public))
	must(os.WriteFile(folder+"/witness.toml", []byte(config), 0o644))
	must(os.WriteFile(folder+"/url.new", []byte("http://"+listener.Addr().String()), 0o644))
	must(os.Rename(folder+"/url.new", folder+"/url"))
	must(http.Serve(listener, w))
}

func main() {
	switch {
	case len(os.Args) == 4 && os.Args[1] == "check":
		check(os.Args[2] + "/e/" + os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == "witness":
		serve(os.Args[2])
	default:
		must(fmt.Errorf("usage: interop check URL ELECTION | interop witness FOLDER"))
	}
}
