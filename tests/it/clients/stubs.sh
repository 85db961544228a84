mkdir -p stubs
python3 -m grpc_tools.protoc -I proto --python_out stubs --grpc_python_out stubs $(find proto/probity -name '*.proto')
