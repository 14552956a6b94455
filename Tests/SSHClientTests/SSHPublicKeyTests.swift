// Selfheal
// SPDX-License-Identifier: Apache-2.0

import SSHClient
import Testing

@Suite struct SSHPublicKeyTests {
    static let base64 = "AAAAC3NzaC1lZDI1NTE5AAAAIJ+X/2oSPsbLwHSm/PyOl/1P2dC9RQ0PAeoJ8mDNqEbS"

    @Test func `a line is read with and without its comment`() throws {
        let plain = try SSHPublicKey(line: "ssh-ed25519 \(Self.base64)")
        let commented = try SSHPublicKey(line: "ssh-ed25519\t\(Self.base64)  root@zk1")
        #expect(plain == commented)
        #expect(plain.type == "ssh-ed25519")
        #expect(plain.blob.count == 51)
        #expect(plain.description == "ssh-ed25519 \(Self.base64)")
        #expect(plain.fingerprint.hasPrefix("SHA256:"))
    }

    @Test(arguments: [
        "", "ssh-ed25519", "ssh-dss AAAA", "ssh-ed25519 AAA", "ssh-ed25519 A===", "ssh-ed25519 !!!!",
        "ssh-ed25519 AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ+X/2oSPsbLwHSm/PyOl/1P2dC9RQ0PAeoJ8mDNqEbS",
        "ssh-ed25519 /////3NzaC1lZDI1NTE5AAAAIJ+X/2oSPsbLwHSm/PyOl/1P2dC9RQ0PAeoJ8mDNqEbS",
        "ssh-ed25519-cert-v01@openssh.com AAAAC3NzaC1lZDI1NTE5AAAAIJ+X/2oSPsbLwHSm/PyOl/1P2dC9RQ0PAeoJ8mDNqEbS",
        "zk1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+X/2oSPsbLwHSm/PyOl/1P2dC9RQ0PAeoJ8mDNqEbS",
    ])
    func `what is not a host key is refused`(line: String) {
        #expect(throws: SSHPublicKey.FormatError.self) { try SSHPublicKey(line: line) }
    }

    @Test func `left-over bits make it another text, so it is refused`() {
        #expect(throws: SSHPublicKey.FormatError.self) {
            try SSHPublicKey(line: "ssh-ed25519 \(Self.base64)AB==")
        }
    }
}
