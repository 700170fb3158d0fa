// SPDX-License-Identifier: Apache-2.0
// keytool -importcert -noprompt -alias app -file cert.pem -keystore trust.p12 -storepass changeit
// java -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit Get.java URL
import java.net.URL;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLException;

public class Get {
    public static void main(String[] args) throws Exception {
        HttpsURLConnection connection = (HttpsURLConnection) new URL(args[0]).openConnection();
        try (java.io.InputStream answer = connection.getInputStream()) {
            answer.transferTo(System.out);
            System.out.flush();
        } catch (SSLException refusal) {
            System.err.println("refused: " + refusal.getMessage());
            System.exit(1);
        }
    }
}
