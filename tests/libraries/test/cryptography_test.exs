defmodule CryptographyTest do
  use LibraryCase, library: "cryptography"

  test "fernet" do
    key = call!("cryptography.fernet", "Fernet.generate_key")
    assert {:ok, <<_::256>>} = Base.url_decode64(key)
    fernet = call!("cryptography.fernet", "Fernet", [key])
    token = method!(fernet, "encrypt", [bytes("secret é")])
    assert method!(fernet, "decrypt", [token]) == "secret é"
    assert method!(fernet, "decrypt", [token], ttl: 60) == "secret é"
    # A parameter that is annotated with bytes takes any binary.
    assert method!(fernet, "decrypt", [method!(fernet, "encrypt", ["plain"])]) == "plain"
    assert {:error, %{class: "InvalidToken"}} = method(fernet, "decrypt", ["nonsense"])
  end

  test "hashes" do
    hashes = import!("cryptography.hazmat.primitives.hashes")
    digest = hashes."Hash"(hashes."SHA256"())
    digest.update(bytes("abc"))
    digest.update(<<255>>)
    assert digest.finalize() == :crypto.hash(:sha256, ["abc", 255])
    assert hashes."SHA256"().digest_size == 32
    assert {:error, %{class: "AlreadyFinalized"}} = method(digest, "finalize")
  end

  test "a text where bytes are wanted is refused, with a hint" do
    hashes = import!("cryptography.hazmat.primitives.hashes")
    digest = hashes."Hash"(hashes."SHA256"())
    assert {:error, %{class: "TypeError"} = error} = method(digest, "update", ["abc"])
    assert Exception.message(error) =~ "hint: a binary that is UTF-8 goes to Python as str: SnakeBridge.bytes"
  end

  test "hmac and key derivation" do
    hashes = import!("cryptography.hazmat.primitives.hashes")
    hmac = call!("cryptography.hazmat.primitives.hmac", "HMAC", [bytes("key"), hashes."SHA512"()])
    hmac.update(bytes("data"))
    assert hmac.copy().finalize() == :crypto.mac(:hmac, :sha512, "key", "data")
    assert {:error, %{class: "InvalidSignature"}} = method(hmac, "verify", [bytes("no")])

    kdf =
      call!("cryptography.hazmat.primitives.kdf.pbkdf2", "PBKDF2HMAC", [],
        algorithm: hashes."SHA256"(),
        length: 32,
        salt: bytes("salt"),
        iterations: 1000
      )

    assert kdf.derive(bytes("password")) == :crypto.pbkdf2_hmac(:sha256, "password", "salt", 1000, 32)
  end

  test "aes-gcm meets Erlang's" do
    key = :crypto.strong_rand_bytes(32)
    nonce = :crypto.strong_rand_bytes(12)
    aead = call!("cryptography.hazmat.primitives.ciphers.aead", "AESGCM", [bytes(key)])
    sealed = aead.encrypt(bytes(nonce), bytes("hello"), nil)

    {text, tag} =
      String.split_at(sealed, -16)
      |> then(fn _ -> {binary_part(sealed, 0, 5), binary_part(sealed, 5, 16)} end)

    assert :crypto.crypto_one_time_aead(:aes_256_gcm, key, nonce, text, "", tag, false) == "hello"

    assert {:error, %{class: "InvalidTag"}} =
             method(aead, "decrypt", [bytes(nonce), bytes(text <> <<0::128>>), nil])
  end

  test "signatures and keys as PEM" do
    ed = import!("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = import!("cryptography.hazmat.primitives.serialization")
    private = ed."Ed25519PrivateKey".generate()
    public = private.public_key()
    signature = private.sign(bytes("message"))
    assert byte_size(signature) == 64
    raw = public.public_bytes_raw()
    assert :crypto.verify(:eddsa, :none, "message", signature, [raw, :ed25519])

    pem =
      private.private_bytes(
        serialization."Encoding"."PEM",
        serialization."PrivateFormat"."PKCS8",
        serialization."NoEncryption"()
      )

    assert pem =~ "BEGIN PRIVATE KEY"
    again = serialization.load_pem_private_key(bytes(pem), password: nil)
    assert again.sign(bytes("message")) == signature
    assert public.verify(signature, bytes("message")) == nil
    assert {:error, %{class: "InvalidSignature"}} = method(public, "verify", [signature, bytes("other")])
  end

  test "certificates" do
    x509 = import!("cryptography.x509")
    hashes = import!("cryptography.hazmat.primitives.hashes")
    ec = import!("cryptography.hazmat.primitives.asymmetric.ec")
    key = ec.generate_private_key(ec."SECP256R1"())

    name =
      x509."Name"([x509."NameAttribute"(get!("cryptography.x509.oid", "NameOID.COMMON_NAME"), "example")])

    certificate =
      x509."CertificateBuilder"().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(
        7
      ).not_valid_before(~U[2024-01-01 00:00:00Z]).not_valid_after(~U[2025-01-01 00:00:00Z]).sign(
        key,
        hashes."SHA256"()
      )

    assert certificate.not_valid_after_utc == ~U[2025-01-01 00:00:00Z]
    assert certificate.subject.rfc4514_string() == "CN=example"
    assert Enum.map(certificate.subject, & &1.value) == ["example"]
  end
end
