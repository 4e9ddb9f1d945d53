"""Who asks: credentials, their verification, client addresses, CORS, and changes of projects."""
